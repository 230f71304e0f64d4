"""Groups lines with drain3, in an environment that holds it; run by bench/template_miner.py.

    python drain3_groups.py LINES ROUNDS RESULT

LINES has a JSON string a line. RESULT gets `cpu_seconds` of each round, and the cluster of
each line and the text of each cluster as they are after the last one.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

# The kinds of mask that its documentation shows; the other settings are its defaults.
MASKS = (
    (r"(?<![A-Za-z0-9])(?:[0-9a-f]{2,}:){3,}[0-9a-f]{2,}(?![A-Za-z0-9])", "ID"),
    (r"(?<![A-Za-z0-9])\d{1,3}(?:\.\d{1,3}){3}(?![A-Za-z0-9])", "IP"),
    (r"(?<![A-Za-z0-9])(?:[0-9a-f]{6,} ?){3,}(?![A-Za-z0-9])", "SEQ"),
    (r"(?<![A-Za-z0-9])(?:[0-9A-F]{4} ?){4,}(?![A-Za-z0-9])", "SEQ"),
    (r"(?<![A-Za-z0-9])0x[0-9a-fA-F]+(?![A-Za-z0-9])", "HEX"),
    (r"(?<![A-Za-z0-9])[+-]?\d+(?![A-Za-z0-9])", "NUM"),
)


def main() -> None:
    lines_file, rounds, result_file = sys.argv[1:]
    lines = [json.loads(line) for line in Path(lines_file).read_text(encoding="utf-8").splitlines()]
    seconds: list[float] = []
    for _ in range(int(rounds)):
        config = TemplateMinerConfig()
        config.masking_instructions = [MaskingInstruction(*one) for one in MASKS]
        miner = TemplateMiner(config=config)
        started = time.process_time()
        clusters = [miner.add_log_message(line)["cluster_id"] for line in lines]
        seconds.append(time.process_time() - started)
    texts = {one.cluster_id: one.get_template() for one in miner.drain.clusters}
    result = {"cpu_seconds": seconds, "groups": clusters, "texts": texts}
    Path(result_file).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
