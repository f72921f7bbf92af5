"""`stina` alone: what there is and what would happen next, without touching anything."""
def show() -> None:
    from .output import emit
    emit({}, "")
