#!/bin/sh
# 康云安装程序：检查机器，安装或升级，失败时撤销，可回退。只用 POSIX shell 和常见命令。
# Kangyun's installer: checks the machine, installs or upgrades, undoes what it did when it fails, rolls back.
set -eu
umask 022

HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/manifest"

PREFIX=/opt/kangyun
CONFIGURATION=/etc/kangyun/kangyun.env
UNITS=/etc/systemd/system
SERVICE_USER=kangyun
SERVICE_GROUP=kangyun
# Megabytes.
PROGRAM_ROOM=1500
DATA_ROOM=2000
LEAST_MEMORY=1000
READY_WITHIN=${KANGYUN_READY_WITHIN:-180} # seconds

ROOT=
DATA=
PORT=
HOST=
YES=
SYSTEMD=yes
DEMONSTRATION=--empty
TOKEN=
ACTION=install

usage() {
    cat <<TEXT
康云 $VERSION（$ARCH）安装程序

用法：sh kangyun-$VERSION-$ARCH.run [选项]

  --data 文件夹     数据文件夹（默认 /var/lib/kangyun）
  --port 端口       监听端口（默认 8080）
  --host 地址       监听地址（默认 127.0.0.1，只有本机能访问；0.0.0.0 为所有网卡）
  --demo            演示实例：装入虚构的演示数据和演示账号
  --admin-token     生成管理员令牌（不具名、无第二因素，仅供试装；正式环境不要用）
  --yes             不提问，采用默认值和给出的选项
  --no-systemd      不安装系统服务（自行启动）
  --root 文件夹     安装到该文件夹之下，不建用户和服务（试装）
  --rollback        退回上一个版本
  --uninstall       卸载程序，保留数据和设置
  --help            显示本说明

已安装时再次运行即为升级：旧版本留在旁边，新版本不能启动时自动退回。
TEXT
}

say() { printf '%s\n' "$*"; }
complain() { printf '%s\n' "$*" >&2; }
fail() { complain "错误：$*"; exit 1; }

value() { [ $# -ge 2 ] && [ -n "$2" ] || fail "选项 $1 需要一个值。"; }

while [ $# -gt 0 ]; do
    case $1 in
        --data) value "$@"; DATA=$2; shift ;;
        --port) value "$@"; PORT=$2; shift ;;
        --host) value "$@"; HOST=$2; shift ;;
        --root) value "$@"; ROOT=${2%/}; SYSTEMD=; shift ;;
        --demo) DEMONSTRATION= ;;
        --admin-token) TOKEN=yes ;;
        --no-admin-token) TOKEN= ;;
        --yes | -y) YES=yes ;;
        --no-systemd) SYSTEMD= ;;
        --rollback) ACTION=rollback ;;
        --uninstall) ACTION=uninstall ;;
        --help | -h) usage; exit 0 ;;
        *) usage >&2; fail "不认识的选项 $1。" ;;
    esac
    shift
done

PREFIX=$ROOT$PREFIX
CONFIGURATION=$ROOT$CONFIGURATION
UNITS=$ROOT$UNITS

# ---- undoing

UNDO=
# Remembers a command that takes a step back; the last step is taken back first.
undo() { UNDO="$1
$UNDO"; }

taken_back() {
    status=$?
    trap - EXIT
    if [ "$status" -ne 0 ] && [ -n "$UNDO" ]; then
        complain "安装没有完成，正在撤销……"
        printf '%s' "$UNDO" | while IFS= read -r step; do
            [ -z "$step" ] || sh -c "$step" >&2 || complain "  未能撤销：$step"
        done
        complain "已撤销，系统与安装前一致。"
    fi
    exit "$status"
}
trap taken_back EXIT
trap 'exit 130' INT TERM HUP

# ---- looking at the machine

PROBLEMS=0
problem() {
    PROBLEMS=$((PROBLEMS + 1))
    complain "  ✗ $1"
    complain "    → $2"
}

# older A B: whether version A comes before B.
older() {
    [ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -t. -k1,1n -k2,2n | head -n 1)" = "$1" ]
}

existing() {
    folder=$1
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    printf '%s' "$folder"
}

room() { df -Pk "$(existing "$1")" | awk 'NR == 2 { print int($4 / 1024) }'; }

listens() {
    port=$(printf '%04X' "$1")
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port="$port" '
        { n = split($2, address, ":"); if (address[n] == port && $4 == "0A") found = 1 } END { exit !found }'
}

check_machine() {
    say "正在检查本机……"
    [ -n "$ROOT" ] || [ "$(id -u)" -eq 0 ] || problem "需要 root 权限" "请用 sudo 或以 root 运行本安装程序。"
    for tool in awk df head id sort sed tar uname; do
        command -v "$tool" >/dev/null 2>&1 || problem "缺少命令 $tool" "请用系统的软件包管理器安装。"
    done
    [ "$(uname -s)" = Linux ] || problem "系统是 $(uname -s)" "请在 Linux 上安装。"
    machine=$(uname -m)
    [ "$machine" = "$ARCH" ] || problem "处理器是 $machine，安装包用于 $ARCH" "请换用 kangyun-$VERSION-$machine.run。"
    check_library
    check_zlib
    check_python
    check_room
    check_port
    if [ -n "$SYSTEMD" ] && [ ! -d /run/systemd/system ]; then
        problem "系统没有使用 systemd" "请加 --no-systemd 安装，再用自己的方式启动 $PREFIX/bin/kangyun up。"
    fi
    if [ -z "$ROOT" ] && ! id "$SERVICE_USER" >/dev/null 2>&1 && ! command -v useradd >/dev/null 2>&1; then
        problem "没有用户 $SERVICE_USER，也没有 useradd 命令" "请先新建名为 $SERVICE_USER 的系统用户。"
    fi
    [ "$PROBLEMS" -eq 0 ] || fail "有 $PROBLEMS 项不满足，请按箭头后的说明处理后再试。系统未做任何改动。"
    say "检查通过。"
}

check_library() {
    GLIBC=$(getconf GNU_LIBC_VERSION 2>/dev/null | awk '{ print $2 }' || true)
    [ -n "$GLIBC" ] || GLIBC=$(ldd --version 2>/dev/null | awk 'NR == 1 { print $NF }' || true)
    case $GLIBC in
        [0-9]*.[0-9]*) ;;
        # No tool says it: the library's own name does, where it has one.
        *) GLIBC=$(ls /lib/*/libc-2.*.so /lib64/libc-2.*.so 2>/dev/null | sed -n 's/.*libc-\(2\.[0-9]*\)\.so$/\1/p' | head -n 1) ;;
    esac
    if [ -z "$GLIBC" ]; then
        GLIBC=$LEAST_GLIBC
        say "  ? 无法得知 glibc 版本，假定为 $LEAST_GLIBC。"
    elif older "$GLIBC" "$LEAST_GLIBC"; then
        problem "glibc 是 $GLIBC，至少需要 $LEAST_GLIBC" "请升级操作系统（例如麒麟 V10、openEuler 20.03、统信 UOS 20、Debian 10 或更高）。"
    fi
}

# The embedded database links to the system's zlib.
check_zlib() {
    for folder in /lib /lib64 /usr/lib /usr/lib64 /lib/*-linux-gnu /usr/lib/*-linux-gnu; do
        [ ! -e "$folder/libz.so.1" ] || return 0
    done
    problem "缺少系统库 libz.so.1" "请用系统的软件包管理器安装 zlib（Debian、统信：zlib1g；麒麟、openEuler：zlib）。"
}

# Sets PYTHON: the one brought along where it can run here, else one of the machine's.
check_python() {
    PYTHON=
    if [ -x "$HERE/python/bin/python3" ] && ! older "$GLIBC" "$PYTHON_GLIBC"; then
        PYTHON=bundled
        return
    fi
    for minor in $PYTHONS; do
        found=$(command -v "python$minor" 2>/dev/null || true)
        if [ -n "$found" ] && "$found" -c 'import ctypes, ssl, venv, zlib' 2>/dev/null; then
            PYTHON=$found
            for library in libgcc_s.so.1 libstdc++.so.6; do
                "$found" -c "import ctypes; ctypes.CDLL('$library')" 2>/dev/null ||
                    problem "缺少系统库 $library" "请用系统的软件包管理器安装（libgcc、libstdc++）。"
            done
            return
        fi
    done
    least=$(printf '%s' "$PYTHONS" | awk '{ print $NF }')
    if [ -n "$PYTHON_GLIBC" ]; then
        problem "自带的 Python 需要 glibc $PYTHON_GLIBC（本机 $GLIBC），本机也没有 Python $PYTHONS" "请从系统安装盘或软件源安装 Python $least 或更高版本，安装后 python$least 命令应可用。"
    else
        problem "本机没有 Python $PYTHONS" "此安装包不含 Python。请从系统安装盘或软件源安装 Python $least 或更高版本，安装后 python$least 命令应可用。"
    fi
}

check_room() {
    free=$(room "$PREFIX")
    [ "$free" -ge "$PROGRAM_ROOM" ] || problem "$PREFIX 所在磁盘剩余 $free MB，需要 $PROGRAM_ROOM MB" "请清理或扩容。"
    free=$(room "$DATA")
    [ "$free" -ge "$DATA_ROOM" ] || problem "$DATA 所在磁盘剩余 $free MB，至少需要 $DATA_ROOM MB" "请用 --data 指定空间充足的磁盘，正式使用建议 100 GB 以上。"
    memory=$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo 2>/dev/null || true)
    [ -z "$memory" ] || [ "$memory" -ge "$LEAST_MEMORY" ] || problem "内存 $memory MB，至少需要 $LEAST_MEMORY MB" "请增加内存，正式使用建议 8 GB 以上。"
    if [ -f "$DATA/postgresql/PG_VERSION" ]; then
        major=$(cat "$DATA/postgresql/PG_VERSION")
        [ "$major" = "$POSTGRES_MAJOR" ] || problem "数据属于 PostgreSQL $major，本版本内置 PostgreSQL $POSTGRES_MAJOR" "请先按《运维》手册的“更换数据库大版本”迁移数据。"
    fi
}

check_port() {
    case $PORT in
        '' | *[!0-9]*) problem "端口 $PORT 不是数字" "请用 --port 指定 1 到 65535 的数字。"; return ;;
    esac
    [ "$PORT" -ge 1 ] && [ "$PORT" -le 65535 ] || { problem "端口 $PORT 不存在" "请用 --port 指定 1 到 65535 的数字。"; return; }
    # The version that is being replaced listens there itself.
    [ -L "$PREFIX/current" ] || ! listens "$PORT" || problem "端口 $PORT 已被其他程序占用" "请停止该程序，或用 --port 指定其他端口。"
}

# ---- asking

ask() { # ask NAME QUESTION DEFAULT
    answer=
    if [ -z "$YES" ] && [ -t 0 ]; then
        printf '%s [%s]：' "$2" "$3"
        read -r answer || true
    fi
    eval "$1=\${answer:-\$3}"
}

settle() {
    before_data= before_port= before_host=
    if [ -r "$CONFIGURATION" ]; then
        before_data=$(sed -n 's/^KANGYUN_DATA=//p' "$CONFIGURATION")
        before_port=$(sed -n 's/^KANGYUN_PORT=//p' "$CONFIGURATION")
        before_host=$(sed -n 's/^KANGYUN_HOST=//p' "$CONFIGURATION")
    fi
    [ -n "$DATA" ] || ask DATA "数据文件夹" "${before_data:-$ROOT/var/lib/kangyun}"
    [ -n "$PORT" ] || ask PORT "监听端口" "${before_port:-8080}"
    [ -n "$HOST" ] || HOST=${before_host:-127.0.0.1}
    case $DATA in
        /*) ;;
        *) fail "数据文件夹请写完整路径，例如 /data/kangyun。" ;;
    esac
}

# ---- installing

make_user() {
    [ -z "$ROOT" ] || return 0
    if ! id "$SERVICE_USER" >/dev/null 2>&1; then
        say "新建系统用户 $SERVICE_USER"
        shell=/bin/false
        [ ! -x /usr/sbin/nologin ] || shell=/usr/sbin/nologin
        if grep -q "^$SERVICE_USER:" /etc/group; then own_group="--gid $SERVICE_USER"; else own_group=--user-group; fi
        undo "userdel $SERVICE_USER"
        # shellcheck disable=SC2086 - two words or one
        useradd --system --no-create-home --home-dir "$DATA" --shell "$shell" $own_group "$SERVICE_USER"
    fi
    SERVICE_GROUP=$(id -gn "$SERVICE_USER")
}

make_folder() { # make_folder PATH: and remembers the first parent that was missing
    if [ ! -d "$1" ]; then
        missing=$1
        while [ ! -d "$(dirname "$missing")" ]; do missing=$(dirname "$missing"); done
        undo "rm -rf '$missing'"
        mkdir -p "$1"
    fi
}

own() { [ -n "$ROOT" ] || chown "$@"; }

install_program() {
    NEW=$PREFIX/versions/$VERSION
    make_folder "$PREFIX/versions"
    if [ -d "$NEW" ]; then
        say "重新安装 $VERSION"
        rm -rf "$NEW.old"
        undo "rm -rf '$NEW' && mv '$NEW.old' '$NEW'"
        mv "$NEW" "$NEW.old"
    else
        undo "rm -rf '$NEW'"
    fi
    say "正在安装程序到 $NEW"
    mkdir "$NEW"
    cp "$HERE/manifest" "$HERE/install.sh" "$HERE/LICENSE" "$NEW/"
    cp -R "$HERE/manual" "$HERE/systemd" "$NEW/"
    if [ "$PYTHON" = bundled ]; then
        cp -R "$HERE/python" "$NEW/"
        PYTHON=$NEW/python/bin/python3
        "$PYTHON" -I -c 'import ctypes, ssl, venv, zlib' || fail "自带的 Python 不能在本机运行。"
        "$PYTHON" -I -m compileall -q "$NEW/python/lib" >/dev/null
    fi
    "$PYTHON" -m venv --without-pip "$NEW/venv"
    pip=$(echo "$HERE"/wheels/pip-*.whl)
    PIP_CONFIG_FILE=/dev/null "$NEW/venv/bin/python" "$pip/pip" install --quiet --no-index --find-links "$HERE/wheels" \
        --no-cache-dir --disable-pip-version-check --root-user-action ignore \
        -c "$HERE/requirements.txt" "kangyun==$VERSION"
    "$NEW/venv/bin/kangyun" --help >/dev/null
}

write_settings() {
    folder=$(dirname "$CONFIGURATION")
    make_folder "$folder"
    if [ -f "$CONFIGURATION" ]; then
        cp -p "$CONFIGURATION" "$CONFIGURATION.before"
        undo "mv '$CONFIGURATION.before' '$CONFIGURATION'"
        kept=$(grep -v -e '^KANGYUN_DATA=' -e '^KANGYUN_PORT=' -e '^KANGYUN_HOST=' "$CONFIGURATION" || true)
    else
        undo "rm -f '$CONFIGURATION'"
        kept="# 康云的设置，全部设置见 $PREFIX/current/manual/operations.md。改动后：systemctl restart kangyun"
        if [ -n "$TOKEN" ]; then
            token=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
            [ "${#token}" -eq 48 ] || fail "无法生成管理员令牌（/dev/urandom）。"
            kept="$kept
# 管理员令牌：拥有全部权限，不具名，没有第二因素。试装之后请删除此行。
KANGYUN_ADMIN_TOKEN=$token"
        fi
    fi
    (
        umask 077
        printf '%s\nKANGYUN_DATA=%s\nKANGYUN_PORT=%s\nKANGYUN_HOST=%s\n' "$kept" "$DATA" "$PORT" "$HOST" >"$CONFIGURATION"
    )
    own "root:$SERVICE_GROUP" "$CONFIGURATION"
    chmod 640 "$CONFIGURATION"
    make_folder "$DATA"
    # A folder that holds something keeps its owner: that may be the database's own user.
    if [ -z "$(ls -A "$DATA")" ]; then
        own "$SERVICE_USER:$SERVICE_GROUP" "$DATA"
        chmod 700 "$DATA"
    fi
}

write_command() {
    make_folder "$PREFIX/bin"
    cat >"$PREFIX/bin/kangyun" <<TEXT
#!/bin/sh
# kangyun，带上 $CONFIGURATION 中的设置 | kangyun with the settings of this installation
set -a
. "$CONFIGURATION"
set +a
exec "$PREFIX/current/venv/bin/kangyun" "\$@"
TEXT
    chmod 755 "$PREFIX/bin/kangyun"
}

write_units() {
    [ -n "$SYSTEMD" ] || return 0
    for unit in "$HERE"/systemd/*; do
        name=$(basename "$unit")
        if [ -f "$UNITS/$name" ]; then
            cp -p "$UNITS/$name" "$UNITS/$name.before"
            undo "mv '$UNITS/$name.before' '$UNITS/$name' && systemctl daemon-reload"
        else
            undo "rm -f '$UNITS/$name' && systemctl daemon-reload"
        fi
        sed -e "s|@PREFIX@|$PREFIX|g" -e "s|@CONFIGURATION@|$CONFIGURATION|g" -e "s|@USER@|$SERVICE_USER|g" \
            -e "s|@DEMONSTRATION@|$DEMONSTRATION|g" "$unit" >"$UNITS/$name"
    done
    systemctl daemon-reload
}

# Points `current` to a version, and `previous` to the one before.
switch_to() { # switch_to FOLDER
    before=$(readlink "$PREFIX/current" 2>/dev/null || true)
    if [ -n "$before" ]; then
        undo "ln -sfn '$before' '$PREFIX/current'"
        older_one=$(readlink "$PREFIX/previous" 2>/dev/null || true)
        if [ -n "$older_one" ]; then undo "ln -sfn '$older_one' '$PREFIX/previous'"; else undo "rm -f '$PREFIX/previous'"; fi
        [ "$before" = "$1" ] || ln -sfn "$before" "$PREFIX/previous"
    else
        undo "rm -f '$PREFIX/current'"
    fi
    ln -sfn "$1" "$PREFIX/current"
}

# Called first, so that it is taken back last: the old version starts again once everything else is as it was.
plan_restart() {
    SWITCHED=$PREFIX/versions/.switched
    [ -z "$SYSTEMD" ] || [ ! -L "$PREFIX/current" ] ||
        undo "[ ! -e '$SWITCHED' ] || { rm -f '$SWITCHED'; systemctl restart kangyun; }"
}

restart() {
    [ -n "$SYSTEMD" ] || return 0
    if [ -n "$before" ]; then : >"$SWITCHED"; else undo "systemctl disable --now kangyun kangyun-doctor.timer"; fi
    say "正在启动服务"
    systemctl enable --quiet kangyun kangyun-doctor.timer
    systemctl start kangyun-doctor.timer
    systemctl restart kangyun
    wait_until_ready
}

wait_until_ready() {
    here=$HOST
    [ "$here" != 0.0.0.0 ] || here=127.0.0.1
    "$PREFIX/current/venv/bin/python" - "http://$here:$PORT/health/ready" "$READY_WITHIN" <<'PYTHON' || fail "服务没有在 $READY_WITHIN 秒内就绪。原因见 journalctl -u kangyun 和 $DATA/log。"
import sys, time, urllib.request
deadline = time.monotonic() + float(sys.argv[2])
while True:
    try:
        urllib.request.urlopen(sys.argv[1], timeout=5)
        break
    except OSError:
        if time.monotonic() > deadline:
            sys.exit(1)
        time.sleep(0.5)
PYTHON
}

finish() {
    UNDO=
    rm -rf "$PREFIX/versions/$VERSION.old" "$CONFIGURATION.before" "$SWITCHED"
    for unit in "$UNITS"/kangyun*.before; do [ ! -f "$unit" ] || rm -f "$unit"; done
    # This version and the one before stay; older ones go.
    for folder in "$PREFIX"/versions/*; do
        name=versions/$(basename "$folder")
        [ "$name" = "$(readlink "$PREFIX/current")" ] || [ "$name" = "$(readlink "$PREFIX/previous" 2>/dev/null || true)" ] ||
            rm -rf "$folder"
    done
}

report() {
    say ""
    say "康云 $VERSION 已安装。"
    say "  地址      http://$HOST:$PORT/"
    say "  数据      $DATA"
    say "  设置      $CONFIGURATION"
    say "  首次登录  三员的初始密码在 $DATA/first-sign-ins.json（首次启动后生成）"
    say "  手册      $PREFIX/current/manual/zh"
    say "  自检      $PREFIX/bin/kangyun doctor"
    if [ -n "$SYSTEMD" ]; then
        say "  服务      systemctl status kangyun"
    else
        say "  启动      以用户 $SERVICE_USER 运行 $PREFIX/bin/kangyun up $DEMONSTRATION"
    fi
    say "  退回      sh $PREFIX/current/install.sh --rollback"
    say "请立即把 $DATA/root.key（首次启动后生成）离线保管一份：没有它，数据无法解密。"
}

# ---- what is asked for

do_install() {
    settle
    check_machine
    plan_restart
    make_user
    install_program
    write_settings
    write_command
    write_units
    switch_to "versions/$VERSION"
    restart
    finish
    report
}

do_rollback() {
    [ -n "$ROOT" ] || [ "$(id -u)" -eq 0 ] || fail "需要 root 权限。"
    previous=$(readlink "$PREFIX/previous" 2>/dev/null || true)
    [ -n "$previous" ] && [ -d "$PREFIX/$previous" ] || fail "没有可以退回的版本。"
    settle
    plan_restart
    switch_to "$previous"
    restart
    UNDO=
    rm -f "$SWITCHED"
    say "已退回到 ${previous#versions/}。"
}

do_uninstall() {
    [ -n "$ROOT" ] || [ "$(id -u)" -eq 0 ] || fail "需要 root 权限。"
    settle
    if [ -n "$SYSTEMD" ] && [ -f "$UNITS/kangyun.service" ]; then
        systemctl disable --now kangyun kangyun-doctor.timer
        rm -f "$UNITS/kangyun.service" "$UNITS/kangyun-doctor.service" "$UNITS/kangyun-doctor.timer"
        systemctl daemon-reload
    fi
    rm -rf "$PREFIX"
    say "程序已卸载。数据 $DATA 和设置 $CONFIGURATION 已保留。"
}

"do_$ACTION"
