"""The command `stina db seed`."""

from __future__ import annotations

import click

from .confirming import confirm, yes_option
from .invocation import current_invocation, plugins_print_to_stderr
from .output import emit, warn

_SIZES = ("small", "realistic", "large")


@click.command()
@click.option(
    "--size",
    type=click.Choice(_SIZES),
    default="small",
    show_default=True,
    help="Tens of rows, thousands, or 100,000.",
)
@click.option(
    "--seed", "number", type=int, default=0, show_default=True, help="Another one writes other data."
)
@yes_option
def seed(size: str, number: int, yes: bool) -> None:
    """Add example data to the store, for trying things out.

    The same size and seed write the same data. Nothing that is there is changed or deleted.
    """
    from ..seeding import SIZES
    from ..seeding import seed as write

    invocation = current_invocation()
    config = invocation.config()
    confirm(f"Add {size} example data to {config.location}?", yes)
    plugins = invocation.load_plugins(config)
    with invocation.open_store(plugins) as store, plugins_print_to_stderr():
        done = write(store, plugins, SIZES[size], number)
    failed = {name: error for name, error in done.items() if error is not None}
    seeded = [name for name in done if name not in failed]
    for name, error in failed.items():
        warn(f"{name}: {error}")
    emit(
        {"path": config.location, "size": size, "seed": number, "seeded": seeded, "failed": sorted(failed)},
        f"example data of {', '.join(seeded)}" if seeded else "no plugin has example data",
    )
    if failed:
        raise click.exceptions.Exit(1)
