"""Labels to print and stick on devices: a page of HTML with a QR code each, and the claim code in letters below it.

It needs nothing from elsewhere, so it prints on a machine without internet. Source: ISO/IEC 18004 (QR codes), by segno.
"""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import segno

from kangyun.devices.register.codes import QR_PREFIX
from kangyun.devices.register.kinds import kinds

if TYPE_CHECKING:
    from kangyun.devices.register.enrolling import Made

_PAGE = """<!DOCTYPE html>
<html lang="zh-CN"><meta charset="utf-8"><title>设备标签</title>
<style>
body {{ margin: 8mm; font-family: sans-serif; font-size: 10pt; line-height: 1.4 }}
.label {{ display: inline-block; width: 58mm; margin: 1mm; padding: 2mm; border: 1px solid #999;
  break-inside: avoid; vertical-align: top; text-align: center }}
.label svg {{ width: 32mm; height: 32mm }}
.code {{ font: bold 13pt monospace }}
</style>
{labels}
</html>
"""
_LABEL = """<div class="label">{qr}<div class="code">{code}</div><div>{kind} {model}</div><div>{serial}</div>
<div>微信扫码或在“添加设备”里输入以上领用码</div></div>"""


def labels(made: Sequence["Made"]) -> str:
    """Returns the page."""
    return _PAGE.format(labels="\n".join(_label(one) for one in made))


def _label(one: "Made") -> str:
    code = segno.make(f"{QR_PREFIX}{one.code}", error="m", micro=False)
    return _LABEL.format(
        qr=code.svg_inline(omitsize=True, border=2), code=escape(one.code), kind=kinds().of(one.wanted.kind).zh,
        model=escape(one.wanted.model), serial=escape(one.wanted.serial),
    )  # fmt: skip
