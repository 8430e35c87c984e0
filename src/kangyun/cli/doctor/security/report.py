"""What a table says of itself: which standard, which installation, when, and how to read it. Pure."""

from dataclasses import dataclass

from kangyun.cli.doctor.security.controls import Standard

COLUMNS = ("控制点", "要求", "发现", "证据", "结论")
NOTES = (
    ("说明", "本表由软件对运行中的平台逐项核查得出，供自查和准备测评之用，不代替测评机构的测评。"),
    (
        "结论",
        "一项要求有多项检查时取最差者；软件部分符合、其余须由机房、网络、运维或主管单位满足的，记为“由环境承担”。",
    ),
    ("未核实", "标有“未核实”的条款，其编号或原文没有对照标准文本确认，请以标准文本为准。"),
)


@dataclass(frozen=True, slots=True)
class Report:
    """The head and the notes of a table."""

    title: str
    head: tuple[tuple[str, str], ...]
    notes: tuple[tuple[str, str], ...] = NOTES


def report(standard: Standard, *, place: str, moment: str, program: str, source: str) -> Report:
    """Returns what is said above and below a table."""
    head = (
        ("表", standard.title),
        ("标准", f"{standard.standard}；{standard.level}；{standard.edition}"),
        ("平台", program),
        ("安装位置", place),
        ("检查时间", moment),
        ("设置来源", source),
    )
    return Report(standard.title, head)
