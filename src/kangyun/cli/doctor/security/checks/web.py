"""What answers over HTTP: closed by default, headers for browsers, TLS, where it listens, whom it believes.

Sources: RFC 8996 (TLS 1.0 and 1.1 are not to be used), GB/T 38636-2020 (TLCP, which no library here can speak: it ends
at a gateway).
"""

import ipaddress
import socket
import ssl
from urllib.parse import urlsplit

from kangyun.cli.doctor.security.site import WITHIN, Site
from kangyun.cli.doctor.security.verdicts import Finding, environment, met, partly, unknown, unmet

CLOSED = ("/fhir/Patient", "/fhir/openapi.json", "/openapi.json", "/metrics", "/fhir/$export")
CLOSED_STATUSES = (401, 403, 404, 405)
HEADERS = {
    "content-security-policy": "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-",
}
ANSWERS = ("/", "/fhir/metadata", "/fhir/Patient")
SAFE_VERSIONS = ("TLSv1.2", "TLSv1.3")
FEW_DAYS = 30


async def closed(site: Site) -> Finding:
    """Whether anything but metadata, health and signing in answers without a sign-in."""
    statuses = {path: site.ask(path).status for path in CLOSED}
    evidence = "；".join(f"GET {path} → {status}" for path, status in statuses.items())
    answered = [path for path, status in statuses.items() if status not in CLOSED_STATUSES]
    if answered:
        return unmet("closed-not", evidence, paths="、".join(answered))
    return met("closed", evidence)


async def headers(site: Site) -> Finding:
    """Whether answers say what a browser may do with them."""
    missing = []
    for path in ANSWERS:
        said = site.ask(path).headers
        missing += [f"{path} {name}" for name, part in HEADERS.items() if part not in said.get(name, "")]
    evidence = "、".join(f"GET {path}" for path in ANSWERS) + "：" + "、".join(HEADERS)
    if not missing:
        return met("headers", evidence)
    few = len(missing) < len(HEADERS) * len(ANSWERS)
    shown = "；".join(missing)
    return partly("headers-missing", shown, count=len(missing)) if few else unmet("headers-none", shown)


async def refuses(site: Site) -> Finding:
    """Whether what is not well-formed is refused, and not said back."""
    mark = "%3Cscript%3E"
    reply = site.ask(f"/fhir/metadata?mode={mark}")
    evidence = f"GET /fhir/metadata?mode={mark} → {reply.status}"
    if 400 <= reply.status < 500 and "<script>" not in reply.body:
        return met("refuses", evidence)
    return unmet("refuses-not", evidence)


async def ready(site: Site) -> Finding:
    """Whether the installation says of each of its parts that it is well."""
    reply = site.ask("/health/ready")
    evidence = f"GET /health/ready → {reply.status}"
    return met("ready", evidence) if reply.status == 200 else unmet("ready-not", evidence)


async def transport(site: Site) -> Finding:
    """Whether the world reaches it by TLS that is good."""
    public = urlsplit(str(site.settings.public_url))
    if public.scheme != "https" or not public.hostname:
        text = "transport-local" if _is_local(site.settings.host) else "transport-clear"
        finding = partly if text == "transport-local" else unmet
        return finding(text, site.shown("public_url", "host", "port"))
    try:
        version, cipher, ends = _handshake(public.hostname, public.port or 443)
    except ssl.SSLCertVerificationError as error:
        return unmet("transport-untrusted", f"{public.hostname}：{error.verify_message}", reason=error.verify_message)
    except (OSError, ValueError) as error:
        return unknown("transport-no-answer", f"{public.hostname}：{type(error).__name__}", host=public.hostname)
    days = int((ends - site.now.timestamp()) // 86400)
    evidence = f"{public.hostname}：{version}、{cipher}，证书剩余 {days} 天"
    if version not in SAFE_VERSIONS:
        return unmet("transport-old", evidence, version=version)
    if days < FEW_DAYS:
        return partly("transport-ending", evidence, days=days)
    return met("transport", evidence, version=version)


async def national_transport(site: Site) -> Finding:
    """Whether a gateway is there to speak TLCP; that it does is to be seen there."""
    if urlsplit(str(site.settings.public_url)).scheme != "https":
        return unmet("tlcp-none", site.shown("public_url"))
    if not site.setting("trusted_proxies"):
        return unmet("tlcp-no-gateway", site.shown("public_url", "trusted_proxies"))
    return environment("tlcp-gateway", site.shown("public_url", "trusted_proxies"))


def _handshake(host: str, port: int) -> tuple[str, str, float]:
    """Returns version, cipher and when the certificate ends. Raises OSError, SSLCertVerificationError."""
    with (
        socket.create_connection((host, port), timeout=WITHIN) as raw,
        ssl.create_default_context().wrap_socket(raw, server_hostname=host) as secured,
    ):
        cipher = secured.cipher()
        certificate = secured.getpeercert() or {}
        return (
            secured.version() or "",
            cipher[0] if cipher else "",
            ssl.cert_time_to_seconds(str(certificate["notAfter"])),
        )


async def listening(site: Site) -> Finding:
    """Whether it can be reached past the gateway."""
    evidence = site.shown("host", "port")
    if _is_local(site.settings.host):
        return met("listening-local", evidence)
    return partly("listening-all", evidence, host=site.settings.host)


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def crossing(site: Site) -> Finding:
    """Which pages of elsewhere may call it."""
    origins = [one.strip() for one in site.settings.cors_origins.split(",") if one.strip()]
    evidence = site.shown("cors_origins")
    if "*" in origins:
        return unmet("crossing-all", evidence)
    return met("crossing-some", evidence, count=len(origins)) if origins else met("crossing-none", evidence)


async def outbound(site: Site) -> Finding:
    """Which inner addresses it calls itself."""
    names = [name for name in ("import_hosts", "subscription_hosts", "sign_in_hosts", "message_hosts")
             if site.setting(name) is not None]  # fmt: skip
    named = [name for name in names if site.setting(name)]
    wild = [name for name in named if "*" in site.setting(name)]
    evidence = site.shown(*names, "import_folder")
    if wild:
        return unmet("outbound-all", evidence)
    return met("outbound-named", evidence, count=len(named)) if named else met("outbound-none", evidence)


async def watched(site: Site) -> Finding:
    """Whether a watch can read the figures by a token of its own."""
    if site.setting("metrics_token"):
        return met("watched", "KANGYUN_METRICS_TOKEN 已设定")
    return partly("watched-not", "KANGYUN_METRICS_TOKEN 未设定")


CHECKS = {
    "closed": closed,
    "headers": headers,
    "refuses": refuses,
    "ready": ready,
    "transport": transport,
    "national-transport": national_transport,
    "listening": listening,
    "crossing": crossing,
    "outbound": outbound,
    "watched": watched,
}
