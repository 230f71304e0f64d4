"""`firstcause analyzer`; registers the commands `incidents` and `prompts` too."""

from __future__ import annotations

import typer

from log_analyzer.commands import incidents, prompts


def register(app: typer.Typer) -> None:
    """Adds the analyzer's commands to the program."""
    app.command()(analyzer)
    incidents.register(app)
    app.add_typer(prompts.app, name="prompts")


def analyzer() -> None:
    """Run the consumer-group service: errors become incidents, incidents reach Slack."""
    import signal

    from firstcause.settings import load_settings
    from firstcause.structured_logging import configure_logging
    from log_analyzer.process import Analyzer

    settings = load_settings()
    configure_logging(settings)
    service = Analyzer(settings)

    def stop(*_: object) -> None:
        service.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    service.run()
