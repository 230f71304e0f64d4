"""The list of all fault types."""

from __future__ import annotations

from typing import Final

from generators.cases.faults.code import CODE_FAULTS
from generators.cases.faults.fault import FaultType
from generators.cases.faults.platform import PLATFORM_FAULTS
from generators.cases.faults.storage import STORAGE_FAULTS

FAULT_TYPES: Final[dict[str, FaultType]] = {
    fault.name: fault for fault in (*STORAGE_FAULTS, *CODE_FAULTS, *PLATFORM_FAULTS)
}
