"""The task functions of the DAG `evaluate_root_cause`."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow.sdk.exceptions import AirflowFailException

from firstcause.errors import FirstcauseError

if TYPE_CHECKING:
    from firstcause.evaluations.run import CaseChoice, EvaluatedRun

# In the field of the directory: generated cases, also where the setting names a folder.
SYNTHETIC = "synthetic"

log = logging.getLogger(__name__)


def evaluate_cases(
    params: Any = None, dag_run: Any = None, task_state_store: Any = None
) -> dict[str, Any]:
    """Ranks the cases and keeps the run in the history, also when it fails.

    A retry with the same code writes the same run again; code that has changed makes a new one.
    """
    from firstcause.derived_ids import derived_id
    from firstcause.evaluations.code_version import code_version
    from firstcause.evaluations.history import EvaluationHistory
    from firstcause.settings import load_settings
    from firstcause.storage import cassandra

    settings, version = load_settings(), code_version()
    choice = case_choice(params, settings.evaluation_cases_dir)
    run_id = derived_id(
        "evaluated-run", dag_run.run_id, str(choice), version.package, version.commit or ""
    )
    moment = task_state_store.get(str(run_id)) or datetime.now(UTC).isoformat("T", "milliseconds")
    task_state_store.set(str(run_id), moment)
    run = evaluated_run(run_id, datetime.fromisoformat(moment), choice, version)
    with cassandra.session(settings) as session:
        EvaluationHistory(session).record(run)
    if run.total is None:
        raise AirflowFailException(run.error)
    log.info("%s: first %.1f %%", choice, 100 * run.total.top1)
    return {
        "run_id": str(run_id),
        "evaluated": str(choice),
        "cases": run.total.cases,
        "top1": run.total.top1,
        "top3": run.total.top3,
        "confident_wrong": run.total.confident_wrong,
        "inconclusive": run.total.inconclusive,
    }


def case_choice(params: Any, own_cases: Path | None) -> CaseChoice:
    """Which cases: the form's folder, else the setting's, else generated ones."""
    from firstcause.evaluations.run import CaseChoice

    named = (params["directory"] or "").strip() or (str(own_cases) if own_cases else SYNTHETIC)
    return CaseChoice(
        directory=None if named == SYNTHETIC else named,
        count=int(params["count"]),
        seed=int(params["seed"]),
        with_spans=bool(params["with_spans"]),
    )


def evaluated_run(
    run_id: UUID, evaluated_at: datetime, choice: CaseChoice, version: Any
) -> EvaluatedRun:
    """Runs the evaluation: about half a second a case. What people can mend is the run's error."""
    from firstcause.evaluations.run import EvaluatedRun, shares_by_fault
    from generators.cases.temporary_folder import case_folders
    from root_cause.evaluation.measure import Conditions, outcomes
    from root_cause.evaluation.system_figures import figures_of

    conditions = Conditions(with_spans=choice.with_spans)
    try:
        with case_folders(choice.folders, choice.count, choice.seed) as systems:
            found = {name: list(outcomes(cases, conditions)) for name, cases in systems.items()}
            labels = [(cases / "cases.json").read_bytes() for cases in systems.values()]
    except FirstcauseError as error:
        return EvaluatedRun(
            run_id, evaluated_at, run_id, choice, version, total=None, error=str(error)
        )
    seconds = [one.seconds for some in found.values() for one in some]
    return EvaluatedRun(
        run_id,
        evaluated_at,
        choice.suite(b"".join(labels)),
        choice,
        version,
        figures_of(list(found.values())).shares,
        shares_by_fault(found),
        sum(seconds) / len(seconds),
        by_system={name: figures_of([some]) for name, some in found.items()},
    )


def compare_with_before(evaluated: dict[str, Any], params: Any = None) -> dict[str, Any]:
    """Fails when the run is worse than the one before of the same cases."""
    from firstcause.evaluations.history import EvaluationHistory
    from firstcause.evaluations.run import worsenings
    from firstcause.settings import load_settings
    from firstcause.storage import cassandra

    with cassandra.session(load_settings()) as session:
        history = EvaluationHistory(session)
        now = history.find(UUID(evaluated["run_id"]))
        before = history.before(now) if now else None
    if now is None:
        raise AirflowFailException("The run is not in the history: clear the task before.")
    if before is None:
        log.info("The first run of these cases: there is nothing to compare it with.")
        return {**evaluated, "before": None}
    worse = worsenings(before, now, float(params["margin"]))
    if worse:
        was, is_now = (one.version.commit or one.version.package for one in (before, now))
        raise AirflowFailException(
            f"Worse than the run of {before.evaluated_at:%Y-%m-%d %H:%M} UTC ({was}; now {is_now}) "
            f"of the same cases ({now.choice}). {' '.join(worse)}"
        )
    log.info("No worse than the run of %s.", before.evaluated_at)
    return {**evaluated, "before": str(before.run_id)}
