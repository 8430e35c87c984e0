"""The commands of messages; `cli.messages` carries them out."""

from typing import Annotated

import typer

from kangyun.cli.commands.options import Data

message = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="消息通道 | Channels by which people are told")


@message.command("channels", help="列出各通道及其承诺 | List the channels, and what each promises")
def channels(data: Data = None) -> None:
    """Reads the rules; nothing is sent."""
    from kangyun.cli import messages

    messages.channels(data)


@message.command("try", help="经一个通道发一条测试消息，说明结果 | Send a test by a channel, and say what happened")
def attempt(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="wechat、sms、voice、e-mail、webhook")],
    to: Annotated[str, typer.Argument(metavar="TO", help="号码、openid、邮箱或地址 | Its address")],
    data: Data = None,
) -> None:
    """Sends to one address, which is nobody's of the record."""
    from kangyun.cli import messages

    raise typer.Exit(messages.attempt(data, channel, to))
