"""`python -m benchmarks.hl7v2`: CPU to split, map and acknowledge a message of HL7 v2, and to listen for it. No server.

Two messages of a county hospital: an ADT^A01 with next of kin, insurance, allergy and two diagnoses, and an ORU^R01 of
20 results. Each message has its own numbers and names, so that nothing is remembered that would not be in a hospital.
Then the listener takes the same messages on a socket, from another process over several connections, maps and
acknowledges them, and stores nothing: what is left is the store's.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bench import WIDTH, machine
from kangyun.base.numbers import resident_id
from kangyun.exchange.hl7v2.acknowledging import Answer, acknowledged, judged
from kangyun.exchange.hl7v2.framing import END, framed
from kangyun.exchange.hl7v2.listening import Listener, Received
from kangyun.exchange.hl7v2.mapping import Feed, mapped
from kangyun.exchange.hl7v2.message import Segment
from kangyun.exchange.hl7v2.splitting import split

BARS = {"ADT": 0.3, "ORU of 20 results": 1.5}  # CPU milliseconds a message
_FIRST_BORN, _FAMILIES = date(1930, 1, 1), "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧"
_NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)


def main(
    messages: Annotated[int, typer.Option(help="Messages of each kind.")] = 5000,
    codec: Annotated[str, typer.Option(help="Character set: utf-8 or gb18030.")] = "gb18030",
    connections: Annotated[int, typer.Option(help="Connections of the sender.")] = 20,
    send: Annotated[str, typer.Option(hidden=True)] = "",
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Measures."""
    if send:
        port, _, name = send.partition(":")
        asyncio.run(_sent(int(port), name, messages, codec, connections))
        return
    feed = Feed("h990102", "Organization/h990102")
    figures: dict[str, Any] = {}
    table = Table("message", "bytes", "split, µs", "map, µs", "acknowledge, µs", "all, ms", "bar, ms", title="hl7v2")
    rates = Table(
        "message", "a second", "CPU, ms", "in a group", title=f"over {connections} connections, stored nowhere"
    )
    for name, made in _KINDS.items():
        raws = [made(number).encode(codec) for number in range(messages)]
        splits = _each(split, raws)
        maps = _each(lambda message: mapped(message, feed), map(split, raws)) - splits
        acks = _each(_acknowledge, [split(raw).header for raw in raws])
        if any(mapped(split(raw), feed).refusals for raw in raws):
            raise SystemExit("A message of the benchmark was refused.")
        total = (splits + maps + acks) / 1000
        figures[name] = {"split_us": splits, "map_us": maps, "acknowledge_us": acks, "all_ms": total}
        size = sum(map(len, raws)) / len(raws)
        table.add_row(
            name, f"{size:.0f}", f"{splits:.0f}", f"{maps:.0f}", f"{acks:.0f}", f"{total:.3f}", str(BARS[name])
        )
        listened = asyncio.run(_listened(name, messages, codec, connections, feed))
        figures[name] |= listened
        rates.add_row(name, f"{listened['per_second']:.0f}", f"{listened['cpu_ms']:.3f}", f"{listened['group']:.1f}")
    console = Console(highlight=False, width=WIDTH)
    console.print(table)
    console.print(rates)
    if output:
        output.write_text(json.dumps({"machine": machine(), **figures}, indent=1, ensure_ascii=False), "utf-8")


async def _listened(name: str, messages: int, codec: str, connections: int, feed: Feed) -> dict[str, float]:
    """Returns what a listener did on a socket: its CPU only, the sender is another process."""
    groups: list[int] = []

    async def store(group: Sequence[Received]) -> list[Answer]:
        groups.append(len(group))
        answers = [judged(mapped(one.message, feed).refusals) for one in group if one.message is not None]
        await asyncio.sleep(0)
        return answers

    listener = Listener(store)
    port = await listener.start("127.0.0.1", 0)
    command = [sys.executable, "-m", "benchmarks.hl7v2", "--send", f"{port}:{name}"]
    options = ["--messages", str(messages), "--codec", codec, "--connections", str(connections)]
    sender = await asyncio.create_subprocess_exec(*command, *options, stdout=asyncio.subprocess.PIPE)
    assert sender.stdout is not None
    await sender.stdout.readline()  # It has made its messages.
    begun, cpu = time.perf_counter(), time.process_time()
    answered = await sender.stdout.readline()
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    await sender.wait()
    await listener.stop()
    if int(answered) != messages:
        raise SystemExit("Not every message was acknowledged.")
    return {"per_second": messages / seconds, "cpu_ms": cpu / messages * 1000, "group": messages / len(groups)}


async def _sent(port: int, name: str, messages: int, codec: str, connections: int) -> None:
    """Sends, each connection its share, one message at a time; prints how many were accepted."""
    raws = [framed(_KINDS[name](number).encode(codec)) for number in range(messages)]
    print("made", flush=True)

    async def one(share: list[bytes]) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        accepted = 0
        for raw in share:
            writer.write(raw)
            accepted += b"|CA|" in await reader.readuntil(END)
        writer.close()
        return accepted

    print(sum(await asyncio.gather(*(one(raws[start::connections]) for start in range(connections)))), flush=True)


def _acknowledge(header: Segment) -> object:
    return acknowledged(header, Answer("AA"), _NOW, "1")


def _each(work: Callable[[Any], object], of: Iterable[Any]) -> float:
    """Returns the CPU time of one call, µs; nothing that comes of it is kept, as when it has been stored."""
    begun, count = time.process_time(), 0
    for one in of:
        work(one)
        count += 1
    return (time.process_time() - begun) / count * 1e6


def _person(number: int) -> str:
    # As different as people are: the resident index weighs those who are alike.
    born = _FIRST_BORN + timedelta(days=number * 7919 % 33_000)
    name = (
        f"{_FAMILIES[number * 31 % len(_FAMILIES)]}^{chr(0x4E00 + number * 7 % 4999)}{chr(0x4E00 + number * 13 % 4993)}"
    )
    return (
        f"PID|1||P{number:07}^^^HIS^PI~{resident_id.made('990000', born, number % 996)}^^^^NI||{name}||"
        f"{born:%Y%m%d}|F||01|演示路{number}号^^云城市^演示省^999001^^H^^康宁区||"
        f"154{number:08}^PRN^CP|||M|||"
    )


def _visit(number: int) -> str:
    rest = "|" * 25
    place = f"内科一病区^{number % 40}^{number % 7}"
    return f"PV1|1|I|{place}||||1001^李^明|||0301^心血管内科||||1|||||V{number:09}{rest}20261120083000"


def _adt(number: int) -> str:
    return "\r".join(
        (
            f"MSH|^~\\&|HIS|H990102|KANGYUN|REGION|20261123100000||ADT^A01^ADT_A01|A{number}|P|2.4|||AL|NE|CHN",
            "EVN|A01|20261123100000",
            _person(number),
            f"NK1|1|王^{chr(0x4E00 + number % 3000)}|SPO^配偶^HL70063|演示路1号^^云城市|154{number:08}",
            _visit(number),
            f"AL1|1|DA|PEN{number % 50}^青霉素^L|SV|皮疹|20100501",
            "DG1|1||I10.x00^高血压病^ICD10GB^I10^原发性高血压^ICD10YB|高血压病|20261120090000|A",
            f"DG1|2||E11.{number % 900:03}^2型糖尿病^L|||F",
            f"IN1|1|1^城镇职工基本医疗保险|990102|云城市医疗保障局{'|' * 32}YB{number:07}",
        )
    )


def _oru(number: int) -> str:
    results = (
        f"OBX|{place}|NM|IT{place:02}^项目{place}^L^{place}00-{place % 10}^Item^LN||"
        f"{number % 97 / 7 + place:.2f}|10^9/L|3.5-{place + 9}.5|H|||F|||20261123113000||2001^王^芳"
        for place in range(1, 21)
    )
    return "\r".join(
        (
            f"MSH|^~\\&|LIS|H990102|KANGYUN|REGION|20261123100000||ORU^R01^ORU_R01|R{number}|P|2.4|||AL|NE|CHN",
            _person(number),
            _visit(number),
            f"ORC|RE|PL{number}|FI{number}",
            f"OBR|1|PL{number}|FI{number}|XCG^血常规^L|||20261123112000{'|' * 15}20261123115000||LAB|F",
            *results,
        )
    )


_KINDS: dict[str, Callable[[int], str]] = {"ADT": _adt, "ORU of 20 results": _oru}

if __name__ == "__main__":
    typer.run(main)
