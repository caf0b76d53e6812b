"""The requests: name -> (method, path, headers, body). NS is the namespace."""

from __future__ import annotations

from urllib.parse import quote

SECRETS = "/api/v1/namespaces/NS/secrets"
_META = "g=meta.k8s.io;v=v1"
_JSON = {"Content-Type": "application/json"}
_MERGE = {"Content-Type": "application/merge-patch+json"}
Exchange = tuple[str, str, dict[str, str], bytes | None]


def _list(query: str) -> Exchange:
    return ("GET", f"{SECRETS}?{query}", {}, None)


def _watch(query: str, accept: str = "application/json") -> Exchange:
    return ("GET", f"{SECRETS}?watch=1&{query}", {"Accept": accept}, None)


def _accept(accept: str, path: str = SECRETS) -> Exchange:
    return ("GET", path, {"Accept": accept}, None)


def _body(method: str, path: str, body: bytes, headers: dict[str, str] | None = None) -> Exchange:
    return (method, path, _JSON if headers is None else headers, body)


_LABELS = (  # selectors of labels: what is read, and every way in which one cannot be
    *(
        "a=s1",
        "a = s1",
        "a==s1",
        "a!=s1,a",
        "a notin (s1,s2)",
        "a\tin\n(s1)",
        "a in(s3,)",
        "a in (,)",
        "a in ()",
        "in",
        "!in",
        "a=",
    ),
    *("in in (in)", "notin notin (notin)", " a , ! b ", "a>1", "a<1,a>0", "!a", "a in (,,x)"),
    *(
        "=b",
        "==",
        "!",
        "!=",
        ",",
        ",a",
        "()",
        "a,b,",
        "a,,b",
        "a=b,",
        "a=b=c",
        "a b",
        "a gt 1",
        "a()",
        "a!b",
        "a,!",
        "!a=b",
        "!a in (x)",
    ),
    *(
        "a=!",
        "a===b",
        "a>=1",
        "a=b c",
        "a=b!",
        "a in",
        "a in x",
        "a in (x",
        "a in (x,",
        "a in (x y)",
        "a in ((x))",
        "a in (x))",
    ),
    *("a in (,,)", "a in (x,=)", "a in (x=y)", "a in (x)(y)", "a>x", "a<", "a>1.5", "a>-x", "a>99999999999999999999"),
    *(
        "a/b/c=d",
        "/a=b",
        "a/=b",
        "-a=b",
        "a=-b",
        "a in (-x,-y)",
        'a="b"',
        "ä=b",
        "A.b/c=d",
        f"{'x' * 64}=a",
        f"a={'x' * 64}",
    ),
)
_FIELDS = (
    *(
        "metadata.name=s1,metadata.name=s2",
        "metadata.name==s1",
        "metadata.name!=s1",
        ",,",
        "metadata.name=s1,",
        "type=Opaque",
    ),
    *("metadata.name=a\\,b", "metadata.name=a\\=b", "metadata.name=", "metadata.name=s1 "),
    *(
        "x=",
        "=a",
        "metadata.name",
        "metadata.name = a",
        "METADATA.NAME=a",
        "metadata.name in (a)",
        "!metadata.name",
        "metadata.name>a",
    ),
    *("metadata.name=a\\b", "metadata.name=a\\", "metadata.name=a=b", "metadata.name=a,x", "spec.x!=1,x"),
)


TABLE: dict[str, Exchange] = {
    # lists
    "list": _list(""),
    "list: sendInitialEvents": _list("sendInitialEvents=true"),
    "list: match without version": _list("resourceVersionMatch=Exact"),
    "list: unknown match": _list("resourceVersionMatch=Bogus&resourceVersion=5"),
    "list: exactly 0": _list("resourceVersionMatch=Exact&resourceVersion=0"),
    "list: at least 1": _list("resourceVersion=1"),
    "list: not older than 1": _list("resourceVersionMatch=NotOlderThan&resourceVersion=1"),
    "list: version to come": _list("resourceVersion=99999999"),
    "list: exactly a version to come": _list("resourceVersion=99999999&resourceVersionMatch=Exact"),
    "list: no version": _list("resourceVersion=abc"),
    "list: limit": _list("limit=1"),
    "list: limit with labels": _list("limit=1&labelSelector=a"),
    "list: limit of all": _list("limit=3"),
    "list: limit of what is cached": _list("limit=1&resourceVersion=0"),
    "list: negative limit": _list("limit=-1"),
    "list: no limit": _list("limit=abc"),
    "list: no token": _list("continue=abc"),
    "list: match and token": _list("continue=abc&resourceVersionMatch=Exact"),
    "list: no timeout": _list("timeoutSeconds=abc"),
    "list: unknown field": _list("fieldSelector=spec.x%3D1"),
    "list: no fields": _list("fieldSelector=x"),
    "list: field": _list("fieldSelector=metadata.name%3Ds2"),
    # watches
    "watch": _watch("timeoutSeconds=1"),
    "watch: any word but false": ("GET", f"{SECRETS}?watch=abc&timeoutSeconds=1", {}, None),
    "watch: false": ("GET", f"{SECRETS}?watch=False&timeoutSeconds=1", {}, None),
    "watch: bookmarks": _watch("timeoutSeconds=1&allowWatchBookmarks=true"),
    "watch: from 0 with bookmarks": _watch("timeoutSeconds=1&allowWatchBookmarks=true&resourceVersion=0"),
    "watch: one field": _watch("timeoutSeconds=1&fieldSelector=metadata.name%3Ds2"),
    "watch: initial events": _watch(
        "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1"
    ),
    "watch: initial events off": _watch(
        "sendInitialEvents=false&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1&resourceVersion=99999999"
    ),
    "watch: initial events of a version to come": _watch(
        "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=99999999&timeoutSeconds=1"
    ),
    "watch: initial events without match": _watch("sendInitialEvents=true"),
    "watch: initial events of exactly": _watch("sendInitialEvents=true&resourceVersionMatch=Exact&resourceVersion=5"),
    "watch: match": _watch("resourceVersionMatch=NotOlderThan&resourceVersion=1"),
    "watch: match exactly": _watch("resourceVersionMatch=Exact&resourceVersion=1"),
    "watch: token": _watch("continue=abc"),
    "watch: version to come": _watch("resourceVersion=99999999&timeoutSeconds=1"),
    "watch: no version": _watch("resourceVersion=abc"),
    "watch: no timeout": _watch("timeoutSeconds=abc"),
    "watch: no time": _watch("timeoutSeconds=-1&resourceVersion=99999999"),
    "get: version to come": ("GET", f"{SECRETS}/nope?resourceVersion=99999999", {}, None),
    "get: no version": ("GET", f"{SECRETS}/s1?resourceVersion=x", {}, None),
    "get: older version": ("GET", f"{SECRETS}/s1?resourceVersion=1", {}, None),
    "watch: metadata": _watch(
        "timeoutSeconds=1&allowWatchBookmarks=1", f"application/json;as=PartialObjectMetadata;{_META}"
    ),
    "watch: table": _watch("timeoutSeconds=1&allowWatchBookmarks=1", f"application/json;as=Table;{_META}"),
    "watch: a name": ("GET", f"{SECRETS}/s1?watch=1", {}, None),
    "watch: an unknown name": ("GET", f"{SECRETS}/nope?watch=1", {}, None),
    "watch: deprecated": ("GET", "/api/v1/watch/namespaces/NS/secrets?timeoutSeconds=1", {}, None),
    "watch: deprecated, a name": ("GET", "/api/v1/watch/namespaces/NS/secrets/s3?timeoutSeconds=1", {}, None),
    "watch: deprecated, unknown": ("GET", "/api/v1/watch/namespaces/NS/nopes", {}, None),
    "watch: deprecated, posted": ("POST", "/api/v1/watch/namespaces/NS/secrets", {}, None),
    # forms
    "form: metadata": _accept(f"application/json;as=PartialObjectMetadata;{_META}", f"{SECRETS}/s1"),
    "form: metadata, list": _accept(f"application/json;as=PartialObjectMetadataList;{_META}"),
    "form: metadata, v1beta1": _accept(
        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1beta1", f"{SECRETS}/s1"
    ),
    "form: metadata of a list": _accept(f"application/json;as=PartialObjectMetadata;{_META}"),
    "form: metadata list of one": _accept(f"application/json;as=PartialObjectMetadataList;{_META}", f"{SECRETS}/s1"),
    "form: second choice": _accept(f"application/json;as=Bogus;{_META},application/json", f"{SECRETS}/s1"),
    "form: anything": _accept("text/html,*/*;q=0.8", f"{SECRETS}/s1"),
    "form: YAML": _accept("application/yaml", f"{SECRETS}/s1"),
    "form: YAML, list": _accept("application/yaml"),
    "form: YAML, table": _accept(f"application/yaml;as=Table;{_META}", f"{SECRETS}/s1"),
    "form: YAML, metadata": _accept(f"application/yaml;as=PartialObjectMetadata;{_META}", f"{SECRETS}/s1"),
    "form: YAML, unknown object": _accept("application/yaml", f"{SECRETS}/nope"),
    "form: YAML, unknown resource": _accept("application/yaml", "/api/v1/nope"),
    "form: YAML, discovery": _accept("application/yaml", "/apis/batch"),
    "form: YAML, watch": _watch("timeoutSeconds=1", "application/yaml"),
    "form: YAML, weighed": _accept("application/json;q=0.3,application/yaml;q=0.5", f"{SECRETS}/s1"),
    "form: JSON before YAML": _accept("application/json,application/yaml", f"{SECRETS}/s1"),
    "form: YAML, deleted": ("DELETE", f"{SECRETS}/s3?dryRun=All", {"Accept": "application/yaml"}, None),
    "form: none": _accept("text/html", f"{SECRETS}/s1"),
    "form: none, list": _accept("text/yaml"),
    "form: none, watch": _watch("timeoutSeconds=1", "text/html"),
    "form: none, name of a watch": _accept("text/html", f"{SECRETS}/s1?watch=1"),
    "form: none, post": _body("POST", SECRETS, b"{}", {**_JSON, "Accept": "text/html"}),
    "form: none, delete": ("DELETE", f"{SECRETS}/s1", {"Accept": "text/html"}, None),
    "form: none, delete all": ("DELETE", SECRETS, {"Accept": "text/html"}, None),
    "form: unknown": _accept(f"application/json;as=Bogus;{_META}", f"{SECRETS}/s1"),
    "form: unknown version": _accept("application/json;as=Table;g=meta.k8s.io;v=v7"),
    "form: unknown, watch": _watch("timeoutSeconds=1", f"application/json;as=Bogus;{_META}"),
    "form: parameter": _accept("application/json; charset=utf-8", f"{SECRETS}/s1"),
    # places and methods
    "place: slash": ("GET", f"{SECRETS}/s1/", {}, None),
    "place: slash after a collection": ("GET", f"{SECRETS}/", {}, None),
    "place: two slashes": ("GET", "/api/v1//namespaces/NS/secrets/s1", {}, None),
    "place: percent": ("GET", "/api/v1/namespaces/NS/secrets/%731", {}, None),
    "place: percent slash": ("GET", f"{SECRETS}/a%2Fb", {}, None),
    "place: dots": ("GET", "/api/v1/namespaces/NS/../NS/secrets/s1", {}, None),
    "place: too deep": ("GET", "/api/v1/nope/x/y/z/w", {}, None),
    "method: OPTIONS": ("OPTIONS", SECRETS, {}, None),
    "method: TRACE": ("TRACE", f"{SECRETS}/s1", {}, None),
    "method: POST to a name": _body("POST", f"{SECRETS}/s1", b"{}"),
    "method: PUT to a collection": _body("PUT", SECRETS, b"{}"),
    # bodies
    "body: cut": _body("POST", SECRETS, b"{"),
    "body: none": _body("POST", SECRETS, b""),
    "body: text": _body("POST", SECRETS, b"nonsense"),
    "body: no colon": _body("POST", SECRETS, b'{"a" 1}'),
    "body: comma": _body("POST", SECRETS, b'{"a":1,}'),
    "body: two": _body("POST", SECRETS, b'{"a":1}{}'),
    "body: list": _body("POST", SECRETS, b"[]"),
    "body: string": _body("POST", SECRETS, b'"x"'),
    "body: number": _body("POST", SECRETS, b"5"),
    "body: null": _body("POST", SECRETS, b"null"),
    "body: empty object": _body("POST", SECRETS, b"{}"),
    "body: other name": _body("PUT", f"{SECRETS}/s1", b'{"metadata":{"name":"s2"}}'),
    "body: other namespace": _body("POST", SECRETS, b'{"metadata":{"name":"x","namespace":"other"}}'),
    "body: other type": _body("POST", SECRETS, b"abc", {"Content-Type": "text/html"}),
    "body: YAML": _body("POST", SECRETS, b"a: [", {"Content-Type": "application/yaml"}),
    "body: no protobuf": _body("POST", SECRETS, b"abc", {"Content-Type": "application/vnd.kubernetes.protobuf"}),
    "body: cut protobuf": _body(
        "POST", SECRETS, b"k8s\x00\xff\xff", {"Content-Type": "application/vnd.kubernetes.protobuf"}
    ),
    "patch: other type": _body("PATCH", f"{SECRETS}/s1", b"{}"),
    "patch: cut": _body("PATCH", f"{SECRETS}/s1", b"{", _MERGE),
    "patch: no list": _body("PATCH", f"{SECRETS}/s1", b"{}", {"Content-Type": "application/json-patch+json"}),
    "delete: cut": _body("DELETE", f"{SECRETS}/s1", b"{"),
    "delete: unknown policy": _body("DELETE", f"{SECRETS}/s1", b'{"propagationPolicy":"x"}'),
    "delete: no number": ("DELETE", f"{SECRETS}/s1?gracePeriodSeconds=x", {}, None),
}
SELECTORS: dict[str, Exchange] = {
    **{f"labels: {text}": _list(f"labelSelector={quote(text)}") for text in _LABELS},
    **{f"fields: {text}": _list(f"fieldSelector={quote(text)}") for text in _FIELDS},
}
