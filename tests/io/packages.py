"""Packages as npm packs them, made for tests."""

import io
import json
import tarfile
from collections.abc import Mapping


def package(
    version: str,
    bundles: Mapping[str, bytes],
    *,
    name: str = "@segment/analytics-next",
    standalone: bool = True,
) -> bytes:
    """A tarball with a standalone script that shows its version and the key, and these bundles."""
    files = {f"dist/umd/{file}": content for file, content in bundles.items()}
    if standalone:
        files["dist/umd/standalone.js"] = f"{version} __WRITE_KEY__".encode()
    files |= {"package.json": json.dumps({"name": name, "version": version}).encode(), "LICENSE": b"MIT"}
    files |= {"dist/umd/standalone.js.map": b"{}", "dist/cjs/index.js": b"x"}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(f"package/{path}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()
