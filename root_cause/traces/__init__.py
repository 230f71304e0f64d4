"""Events and spans of one trace: their keys, their order, their times, their clocks."""
