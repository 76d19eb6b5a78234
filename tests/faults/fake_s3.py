"""A small S3 in this process, and what may be wrong with one: errors, slowness, answers cut off, connections lost.

It knows what s3fs asks for: list, head, get with a range, put, copy, delete, and uploads in parts.
"""

import datetime
import hashlib
import http.server
import re
import threading
import time
import urllib.parse
import uuid
from xml.sax.saxutils import escape


class FakeS3:
    """Objects in memory, over HTTP.

    Attributes:
        objects: (bucket, key) → (bytes, etag, time).
        trouble: Called with each request's number, method, key and first byte asked for; gives "", "403", "404",
            "429", "500", "503", "slow", "cut" (fewer bytes than promised), "short" (fewer, none promised) or "reset".
        struck: How many requests had trouble.
        log: (method, key, bytes given) of each request.
    """

    def __init__(self):
        self.objects, self.parts, self.lock = {}, {}, threading.Lock()
        self.trouble, self.requests, self.struck = lambda n, method, key, first: "", 0, 0
        self.log = []
        handler = type("Handler", (_Handler,), {"store": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def put(self, bucket, key, data):
        etag = f'"{hashlib.md5(data).hexdigest()}"'
        self.objects[bucket, key] = (data, etag, datetime.datetime.now(datetime.timezone.utc))
        return etag

    def keys(self, bucket, prefix=""):
        return sorted(k for b, k in list(self.objects) if b == bucket and k.startswith(prefix))

    def close(self):
        self._server.shutdown()
        self._server.server_close()


_ERRORS = {
    "403": "AccessDenied",
    "404": "NoSuchKey",
    "429": "TooManyRequests",
    "500": "InternalError",
    "503": "SlowDown",
}


class _Handler(http.server.BaseHTTPRequestHandler):
    store: FakeS3
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _do(self):
        store = self.store
        body = self._body()
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        bucket, _, key = urllib.parse.unquote(url.path).lstrip("/").partition("/")
        first = re.match(r"bytes=(\d+)", self.headers.get("Range") or "")
        with store.lock:
            store.requests += 1
            trouble = store.trouble(store.requests, self.command, key, int(first[1]) if first else 0)
            store.struck += bool(trouble)
        if trouble == "reset":
            self.close_connection = True
            self.connection.close()
            return
        if trouble == "slow":
            time.sleep(0.3)
        if trouble in _ERRORS:
            self._answer(int(trouble), f"<Error><Code>{_ERRORS[trouble]}</Code><Message>no</Message></Error>".encode())
            return
        with store.lock:
            status, data, headers = getattr(self, f"_{self.command.lower()}")(bucket, key, query, body)
            store.log.append((self.command, key, len(data)))
        if trouble == "short":
            data = data[: len(data) // 2]
        self._answer(status, data, headers, cut=trouble == "cut")

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _do

    def _body(self):
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "aws-chunked" in (self.headers.get("Content-Encoding") or ""):
            out, at = b"", 0
            while at < len(data):
                end = data.index(b"\r\n", at)
                size = int(data[at:end].split(b";")[0], 16)
                if size == 0:
                    break
                out += data[end + 2 : end + 2 + size]
                at = end + 4 + size
            return out
        return data

    def _answer(self, status, data=b"", headers=(), cut=False):
        self.send_response(status)
        length = len(data)
        for name, value in dict(headers).items():
            if name == "Content-Length":
                length = int(value)
            else:
                self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command == "HEAD":
            return
        if cut and len(data) > 1:
            data = data[: len(data) // 2]
            self.close_connection = True
        self.wfile.write(data)
        if self.close_connection:
            self.wfile.flush()
            self.connection.close()

    def _head(self, bucket, key, query, body):
        if not key:
            return 200, b"", {}
        found = self.store.objects.get((bucket, key))
        if found is None:
            return 404, b"", {}
        return 200, b"", {**self._about(found), "Content-Length": len(found[0])}

    def _about(self, found):
        when = found[2].strftime("%a, %d %b %Y %H:%M:%S GMT")
        return {
            "ETag": found[1],
            "Last-Modified": when,
            "Accept-Ranges": "bytes",
            "Content-Type": "binary/octet-stream",
        }

    def _get(self, bucket, key, query, body):
        if not key:
            return 200, self._listing(bucket, query), {"Content-Type": "application/xml"}
        found = self.store.objects.get((bucket, key))
        if found is None:
            return 404, b"<Error><Code>NoSuchKey</Code><Message>no</Message></Error>", {}
        match = self.headers.get("If-Match")
        if match and match.strip('"') != found[1].strip('"'):
            return 412, b"<Error><Code>PreconditionFailed</Code><Message>changed</Message></Error>", {}
        data, headers = found[0], self._about(found)
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range") or "")
        if not wanted:
            return 200, data, headers
        first, last = wanted.groups()
        start = int(first) if first else max(0, len(data) - int(last))
        end = min(int(last), len(data) - 1) if first and last else len(data) - 1
        if start >= len(data):
            return 416, b"<Error><Code>InvalidRange</Code><Message>no</Message></Error>", {}
        return 206, data[start : end + 1], {**headers, "Content-Range": f"bytes {start}-{end}/{len(data)}"}

    def _listing(self, bucket, query):
        prefix, delimiter, after = (
            query.get("prefix", ""),
            query.get("delimiter", ""),
            query.get("continuation-token", ""),
        )
        most = int(query.get("max-keys", 7))  # few, so that pages follow
        contents, folders, last = [], [], ""
        for key in self.store.keys(bucket, prefix):
            if key <= after:
                continue
            if len(contents) + len(folders) >= most:
                token = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>"
                return self._page(bucket, contents, folders, f"<IsTruncated>true</IsTruncated>{token}")
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            if cut >= 0:
                folder = key[: cut + 1]
                if folder not in folders and not after.startswith(folder):
                    folders.append(folder)
            else:
                contents.append(key)
            last = key
        return self._page(bucket, contents, folders, "<IsTruncated>false</IsTruncated>")

    def _page(self, bucket, contents, folders, end):
        lines = []
        for key in contents:
            data, etag, when = self.store.objects[bucket, key]
            about = f"<LastModified>{when:%Y-%m-%dT%H:%M:%S.000Z}</LastModified><ETag>{escape(etag)}</ETag>"
            lines.append(f"<Contents><Key>{escape(key)}</Key>{about}<Size>{len(data)}</Size></Contents>")
        lines += [f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in folders]
        return f"<ListBucketResult><Name>{bucket}</Name>{''.join(lines)}{end}</ListBucketResult>".encode()

    def _put(self, bucket, key, query, body):
        if not key:
            return 200, b"", {}
        source = self.headers.get("x-amz-copy-source")
        if source:
            at = tuple(urllib.parse.unquote(source).lstrip("/").split("?")[0].split("/", 1))
            if at not in self.store.objects:
                return 404, b"<Error><Code>NoSuchKey</Code><Message>no</Message></Error>", {}
            etag = self.store.put(bucket, key, self.store.objects[at][0])
            return 200, f"<CopyObjectResult><ETag>{escape(etag)}</ETag></CopyObjectResult>".encode(), {}
        if "uploadId" in query:
            self.store.parts[query["uploadId"]][int(query["partNumber"])] = body
            return 200, b"", {"ETag": f'"{hashlib.md5(body).hexdigest()}"'}
        return 200, b"", {"ETag": self.store.put(bucket, key, body)}

    def _post(self, bucket, key, query, body):
        if "delete" in query:
            for name in re.findall(rb"<Key>(.*?)</Key>", body, re.DOTALL):
                self.store.objects.pop((bucket, _unescape(name.decode())), None)
            return 200, b"<DeleteResult></DeleteResult>", {}
        if "uploads" in query:
            upload = uuid.uuid4().hex
            self.store.parts[upload] = {}
            text = f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
            return 200, text.encode(), {}
        parts = self.store.parts.pop(query["uploadId"])
        etag = self.store.put(bucket, key, b"".join(parts[n] for n in sorted(parts)))
        return (
            200,
            f"<CompleteMultipartUploadResult><ETag>{escape(etag)}</ETag></CompleteMultipartUploadResult>".encode(),
            {},
        )

    def _delete(self, bucket, key, query, body):
        self.store.objects.pop((bucket, key), None)
        return 204, b"", {}


def _unescape(text):
    import html

    return html.unescape(text)
