"""The progress bar of loading and exporting."""

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from kangyun.cli.speech import console


def bar() -> Progress:
    """Returns a bar; its tasks have a field `told`: what there is to say beside the share."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(),
        console=console,
    )
