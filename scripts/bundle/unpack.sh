#!/bin/sh
# 康云离线安装包：sh 本文件 [选项]，选项见 --help。 | Kangyun's offline bundle: unpacks itself and runs its installer.
set -eu
for tool in tail tar gzip mktemp; do
    command -v "$tool" >/dev/null 2>&1 || { echo "缺少命令 $tool，请先安装。 | The command $tool is missing." >&2; exit 1; }
done
folder=$(mktemp -d "${TMPDIR:-/tmp}/kangyun.XXXXXX")
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP
if command -v sha256sum >/dev/null 2>&1; then
    sum=$(tail -n +@LINES@ "$0" | sha256sum | cut -d' ' -f1)
    [ "$sum" = "@SHA256@" ] || { echo "安装包已损坏，请重新拷贝。 | The bundle is damaged: copy it again." >&2; exit 1; }
fi
tail -n +@LINES@ "$0" | tar -xzf - -C "$folder" || {
    echo "无法解包到 $folder：请检查空间，或用 TMPDIR=/其他文件夹 再试。 | Cannot unpack to $folder: see that there is room." >&2; exit 1; }
status=0
sh "$folder/install.sh" "$@" || status=$?
exit "$status"
