"""What the benchmark scripts have in common: a registry's read side as files behind nginx."""
import hashlib, json, socket, subprocess, sys, time, urllib.request

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def file_digest(path):
    with path.open("rb") as content:
        return "sha256:" + hashlib.file_digest(content, "sha256").hexdigest()


def wait_for(url):
    for _ in range(200):
        try:
            return urllib.request.urlopen(url).read()
        except OSError:
            time.sleep(0.05)
    sys.exit(f"{url} does not answer")


class Files:
    """A registry's read side as files for nginx: what a server in front of fast storage does."""

    def __init__(self, directory, repository):
        self.directory, self.repository = directory, repository
        self.root, self.types, self.port = directory / "root", [], free_port()
        self.place = self.root / "v2" / repository
        (self.place / "manifests").mkdir(parents=True)
        (self.place / "blobs").mkdir()

    def blob(self, data):
        (self.place / "blobs" / digest(data)).write_bytes(data)
        return {"digest": digest(data), "size": len(data)}

    def blob_file(self, path):
        """Takes over a file as a blob."""
        described = {"digest": file_digest(path), "size": path.stat().st_size}
        path.rename(self.place / "blobs" / described["digest"])
        return described

    def manifest(self, value, media_type, tag=None):
        data = json.dumps(value).encode()
        for name in filter(None, (digest(data), tag)):
            (self.place / "manifests" / name).write_bytes(data)
            self.types.append((name, media_type, digest(data)))
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    def image(self, tag, layers, annotations=None):
        """An image of descriptors, without diff ids or history."""
        config = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}}
        config = {"mediaType": CONFIG, **self.blob(json.dumps(config).encode())}
        self.manifest({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
                       "annotations": annotations or {}}, MANIFEST, tag)
        return f"127.0.0.1:{self.port}/{self.repository}:{tag}"

    def serve(self, rate=""):
        """Starts nginx; `rate` is a limit for each connection, as in `25m`."""
        directory, repository = self.directory, self.repository
        directory.chmod(0o755)
        places = "".join(
            f'location = /v2/{repository}/manifests/{name} {{ default_type {kind}; '
            f'add_header Docker-Content-Digest {content}; }}\n' for name, kind, content in self.types)
        limit = f"limit_rate {rate};" if rate else ""
        config = directory / "nginx.conf"
        config.write_text(f"""
            daemon off; pid {directory}/nginx.pid; error_log {directory}/error.log; worker_processes 2;
            events {{ worker_connections 2048; }}
            http {{ access_log off; sendfile on; keepalive_requests 100000; client_body_temp_path {directory}/body;
              proxy_temp_path {directory}/p; fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
              server {{ listen 127.0.0.1:{self.port} backlog=512; root {self.root}; etag off;
                location = /v2/ {{ default_type application/json; return 200 "{{}}"; }}
                location /v2/{repository}/blobs/ {{ default_type application/octet-stream; {limit} }}
                {places} }} }}""")
        process = subprocess.Popen(["nginx", "-c", str(config)], stderr=subprocess.DEVNULL)
        wait_for(f"http://127.0.0.1:{self.port}/v2/")
        return process
