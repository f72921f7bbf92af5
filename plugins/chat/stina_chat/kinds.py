"""What kinds of messages and interactions there are; apart, because the models need no more at each start."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """Whose words a message is, or what kind of note beside the talk."""

    USER = "user"
    ASSISTANT = "assistant"
    INSTRUCTIONS = "instructions"
    INFO = "info"
    TOOL = "tool"
    DEBUG = "debug"
    ERROR = "error"


class State(StrEnum):
    """How an interaction is, or how it ended."""

    RUNNING = "running"
    COMPLETE = "complete"
    ABORTED = "aborted"
    ERROR = "error"
    INTERRUPTED = "interrupted"
