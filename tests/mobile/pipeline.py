"""`segue run` as phones see it: a source for each kind of app, plain and behind TLS.

with running(folder) as pipeline:
    pipeline.settings("wk_android")      what an SDK downloads
    pipeline.events("android")           what has arrived, oldest first
    with secured(pipeline) as tls:       the same server at https, for SDKs that speak nothing else
        tls.host, tls.certificate
"""

import asyncio
import contextlib
import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.journeys.house import Braze, Segue, sandbox, until

from segue.runtime import desk
from segue.runtime.settings import read_settings

WORKSPACE: Final = """\
sources:
  android: {{platform: android, write_key: wk_android}}
  ios: {{platform: ios, write_key: wk_ios}}
  rn-android: {{platform: react-native-android, write_key: wk_rn_android}}
  rn-ios: {{platform: react-native-ios, write_key: wk_rn_ios}}
  cloud: {{platform: react-native, write_key: wk_cloud}}
  both: {{platform: react-native-ios, write_key: wk_both}}
  bare: {{platform: android, write_key: wk_bare}}
  late: {{platform: ios, write_key: wk_late}}
destinations:
  braze-android:
    type: braze
    mode: device
    source: android
    settings: {{apiKey: app-android, customEndpoint: sdk.fra-01.braze.eu}}
  braze-ios:
    type: braze
    mode: device
    source: ios
    settings: {{apiKey: app-ios, customEndpoint: sdk.iad-03.braze.com}}
  braze-rn-android:
    type: braze
    mode: device
    source: rn-android
    settings: {{apiKey: app-rn-android, datacenter: eu, logPurchaseWhenRevenuePresent: false}}
  braze-rn-ios:
    type: braze
    mode: device
    source: rn-ios
    settings: {{apiKey: app-rn-ios, customEndpoint: sdk.fra-01.braze.eu}}
  braze-cloud:
    type: braze
    source: cloud
    settings: {{endpoint: "{endpoint}", api_key: sandbox}}
    delivery: {{wait_seconds: 0.05}}
  braze-both-device:
    type: braze
    mode: device
    source: both
    settings: {{apiKey: app-both, customEndpoint: sdk.fra-01.braze.eu}}
  braze-both-cloud:
    type: braze
    source: both
    settings: {{endpoint: "{endpoint}", api_key: sandbox}}
    delivery: {{wait_seconds: 0.05}}
"""


class Pipeline:
    """A running Segue and the sandbox behind it."""

    def __init__(self, segue: Segue, braze: Braze) -> None:
        self.segue = segue
        self.braze = braze

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        return self.segue.address

    def settings(self, key: str) -> Any:
        """The settings an SDK downloads for a write key."""
        status, headers, body = self.segue.ask("GET", f"/v1/projects/{key}/settings")
        assert status == 200, body
        assert headers["content-type"].startswith("application/json")
        return json.loads(body)

    def events(self, source: str, count: int, urge: Callable[[], object] = bool) -> list[dict[str, Any]]:
        """What has arrived of a source since the pipeline started, oldest first, once it is so many.

        urge  called between looks: an SDK that keeps events back is asked again to send them
        """
        found: list[dict[str, Any]] = []

        def enough() -> bool:
            urge()
            found[:] = self._tail(source)
            return len(found) >= count

        until(enough, f"{count} events of {source} have arrived")
        assert len(found) == count
        return found

    def _tail(self, source: str) -> list[dict[str, Any]]:
        settings = read_settings(self.segue.folder, {}, data=self.segue.folder / "segue-data")

        async def read() -> list[dict[str, Any]]:
            return [dict(seen.event) async for seen in desk.tail(settings, last=500, source=source)]

        return asyncio.run(read())


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Pipeline]:
    """Start the sandbox and Segue, stop them in the end."""
    with sandbox(folder) as braze:
        (folder / "segue.yaml").write_text(WORKSPACE.format(endpoint=braze.address), encoding="utf-8")
        with Segue(folder) as segue:
            yield Pipeline(segue, braze)


class Secured(NamedTuple):
    """An address that speaks TLS. host with its port; certificate: the file to trust."""

    host: str
    certificate: Path


@contextlib.contextmanager
def secured(pipeline: Pipeline) -> Iterator[Secured]:
    """The server behind TLS, as behind the proxy every installation has: bytes in, bytes out."""
    folder = pipeline.segue.folder
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    _certify(certificate, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    relay = Relay(context, pipeline.segue.port)
    thread = threading.Thread(target=relay.run)
    thread.start()
    try:
        assert relay.listening.wait(60)
        yield Secured(f"127.0.0.1:{relay.port}", certificate)
    finally:
        relay.end()
        thread.join(60)


class Relay:
    """Takes TLS on a free port and hands the bytes on to another."""

    def __init__(self, context: ssl.SSLContext, behind: int) -> None:
        self.port = 0
        self.listening = threading.Event()
        self._context = context
        self._behind = behind
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def run(self) -> None:
        """Serve until `end`, on a loop of its own."""
        asyncio.run(self._serve())

    def end(self) -> None:
        """Stop; may be called from another thread."""
        self._loop.call_soon_threadsafe(self._ended.set)

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        self.listening.set()
        await self._ended.wait()
        server.close()
        for writer in self._open.values():
            writer.transport.abort()
        await asyncio.gather(*list(self._open))

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open[task] = writer
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self._behind)
        try:
            await asyncio.gather(_pump(reader, behind_writer), _pump(behind_reader, writer))
        finally:
            for each in (writer, behind_writer):
                each.transport.abort()
                with contextlib.suppress(ConnectionError, ssl.SSLError):
                    await each.wait_closed()
            del self._open[task]


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


def _certify(certificate: Path, key: Path) -> None:
    """Write a certificate for 127.0.0.1 that is its own authority, and its key."""
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "segue tests")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(secret, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    key.write_bytes(
        secret.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
