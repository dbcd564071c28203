"""The protocol of the API over HTTP: signatures, envelopes, and what every operation has."""
import json
import time
import urllib.parse

import pytest

import lib

FORM = [("Content-Type", "application/x-www-form-urlencoded")]
SIGNED = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
READ = ("ListAccessKeys", lib.VERSIONS["OpenSlb"])


def v1(node, method="GET", action=READ[0], version=READ[1], params=None, where="query", headers=(), chunked=False,
       **common):  # fmt: skip
    """One V1 request made by hand: (status, answer)."""
    client = node.client
    pairs = lib.v1_pairs(client.key, client.secret, method, action, version, params or {}, **common)
    text = urllib.parse.urlencode(pairs)
    if where == "query":
        status, _, body = client.send(method, "/?" + text, list(headers))
    else:
        status, _, body = client.send(method, "/", FORM + list(headers), text.encode(), chunked)
    return status, json.loads(body)


def v3(node, method="POST", action=READ[0], version=READ[1], query=None, form=None, chunked=False, sent=None, **more):
    """One V3 request made by hand: (status, answer). sent: the body that travels in place of the signed one."""
    client = node.client
    query = lib.flatten(query or {})
    body = urllib.parse.urlencode(lib.flatten(form)).encode() if form else b""
    host = "%s:%d" % client.addr
    headers = lib.v3_headers(client.key, client.secret, method, action, version, query, body, host, **more)
    target = "/?" + urllib.parse.urlencode(query) if query else "/"
    status, _, answer = client.send(method, target, list(headers.items()), body if sent is None else sent, chunked)
    return status, json.loads(answer)


def refused(result, status, code):
    got, answer = result
    assert (got, answer.get("Code")) == (status, code), answer
    return answer


def group(node, name, **params):
    return node.call("Nlb", "CreateServerGroup", ServerGroupName=name, VpcId=lib.VPC, **params)


def events(node, **attributes):
    """Records of the operation log, newest first."""
    pairs = [{"Key": key, "Value": value} for key, value in attributes.items()]
    return node.call("ActionTrail", "LookupEvents", LookupAttribute=pairs, MaxResults=50)["Events"]


# --- signatures ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_v1_in_the_query(node, method):
    status, answer = v1(node, method)
    assert status == 200 and answer["AccessKeys"], answer


@pytest.mark.parametrize("chunked", [False, True])
def test_v1_in_the_form(node, chunked):
    status, answer = v1(node, "POST", where="form", chunked=chunked)
    assert status == 200 and answer["AccessKeys"], answer


def test_v1_parameters_win_over_headers(node):
    """V1 clients send the headers of V3 too, unsigned."""
    headers = [("x-acs-action", "DeleteAccessKey"), ("x-acs-version", "2014-05-15")]
    status, answer = v1(node, headers=headers)
    assert status == 200 and answer["AccessKeys"], answer


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_v3_in_the_query(node, method):
    status, answer = v3(node, method, query={"MaxResults": 1, "Unknown": "a b*~ä/"})
    assert status == 200 and answer["MaxResults"] == 1, answer


@pytest.mark.parametrize("chunked", [False, True])
def test_v3_in_the_form(node, chunked):
    status, answer = v3(node, form={"MaxResults": 1, "Unknown": "a b*~ä/"}, chunked=chunked)
    assert status == 200 and answer["MaxResults"] == 1, answer


def test_v3_signs_what_the_client_chooses(node):
    """Some clients sign accept and user-agent too."""
    status, answer = v3(node, accept="application/json", user_agent="some client/1.0")
    assert status == 200, answer


def test_60_kib_of_query_and_form(node):
    long = "x" * 60 * 1024
    for result in (
        v1(node, "POST", params={"Long": long}),
        v1(node, "POST", params={"Long": long}, where="form"),
        v3(node, query={"Long": long}),
        v3(node, form={"Long": long}, chunked=True),
    ):
        assert result[0] == 200, result[1]


def test_a_form_may_be_large_and_has_a_limit(node):
    assert v1(node, "POST", params={"Long": "x" * (3 << 20)}, where="form")[0] == 200
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM[0][1]}\r\nContent-Length: {5 << 20}\r\n\r\n"
    assert lib.e2e.exchange(node.addr, head.encode()).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "common, status, code",
    [
        ({"Action": None}, 400, "MissingParameter"),
        ({"Version": None}, 400, "MissingParameter"),
        ({"Timestamp": None}, 400, "MissingParameter"),
        ({"Signature": None}, 400, "MissingParameter"),
        ({"AccessKeyId": None}, 400, "MissingParameter"),
        ({"SignatureNonce": None}, 400, "MissingParameter"),
        ({"SignatureMethod": "HMAC-SHA256"}, 400, "IncompleteSignature"),
        ({"SignatureVersion": "2.0"}, 400, "IncompleteSignature"),
        ({"SignatureType": "BEARERTOKEN"}, 400, "IncompleteSignature"),
        ({"SignatureType": ""}, 200, None),
        ({"SecurityToken": "x"}, 400, "InvalidSecurityToken.NotSupported"),
        ({"Format": "XML"}, 400, "InvalidParameter.Format"),
        ({"Timestamp": "2026-01-01 00:00:00"}, 400, "InvalidTimeStamp.Format"),
        ({"Timestamp": "2020-01-01T00:00:00Z"}, 400, "InvalidTimeStamp.Expired"),
        ({"AccessKeyId": "OSLBnobody"}, 404, "InvalidAccessKeyId.NotFound"),
        ({"Action": "NoSuchThing"}, 404, "InvalidAction.NotFound"),
        ({"Version": "1999-01-01"}, 400, "InvalidVersion"),
        ({"Action": "listaccesskeys"}, 404, "InvalidAction.NotFound"),
    ],
)
def test_v1_common_parameters(node, common, status, code):
    refused(v1(node, **common), status, code)


def test_clock_window(node):
    for seconds in (-880, 880):
        assert v1(node, Timestamp=lib.utc(time.time() + seconds))[0] == 200
        assert v3(node, x_acs_date=lib.utc(time.time() + seconds))[0] == 200
    for seconds in (-920, 920):
        refused(v1(node, Timestamp=lib.utc(time.time() + seconds)), 400, "InvalidTimeStamp.Expired")
        refused(v3(node, x_acs_date=lib.utc(time.time() + seconds)), 400, "InvalidTimeStamp.Expired")


def test_a_wrong_v1_signature_shows_what_was_signed(node):
    answer = refused(v1(node, Signature="AAAA"), 400, "SignatureDoesNotMatch")
    before, found, string = answer["Message"].partition("server string to sign is:")
    assert found and before
    assert string.startswith("GET&%2F&AccessKeyId%3D" + node.client.key)
    assert node.client.secret not in json.dumps(answer)


@pytest.mark.parametrize(
    "more, status, code",
    [
        ({"x_acs_action": None, "signed": SIGNED.replace("x-acs-action;", "")}, 400, "MissingParameter"),
        ({"signed": SIGNED.replace("host;", "")}, 400, "IncompleteSignature"),
        ({"signed": SIGNED.replace("x-acs-action;", "")}, 400, "IncompleteSignature"),
        ({"signed": SIGNED.replace("x-acs-content-sha256;", "")}, 400, "IncompleteSignature"),
        ({"signed": SIGNED.replace("x-acs-date;", "")}, 400, "IncompleteSignature"),
        ({"signed": SIGNED.replace("x-acs-signature-nonce;", "")}, 400, "IncompleteSignature"),
        ({"signed": SIGNED.replace(";x-acs-version", "")}, 400, "IncompleteSignature"),
        ({"authorization": "ACS3-HMAC-SM3 Credential=a,SignedHeaders=host,Signature=00"}, 400, "IncompleteSignature"),
        ({"authorization": "ACS3-RSA-SHA256 Credential=a,SignedHeaders=host,Signature=00"}, 400, "IncompleteSignature"),
        ({"authorization": "Bearer abc"}, 400, "IncompleteSignature"),
        ({"x_acs_security_token": "t"}, 400, "InvalidSecurityToken.NotSupported"),
        ({"x_acs_content_sha256": "0" * 64}, 400, "SignatureDoesNotMatch"),
        ({"sent": b"MaxResults=2"}, 400, "SignatureDoesNotMatch"),
    ],
)  # fmt: skip
def test_v3_headers(node, more, status, code):
    more = dict(more)
    form = {"MaxResults": 1} if "sent" in more else None
    refused(v3(node, form=form, **more), status, code)


def test_a_request_without_signature(node):
    status, _, body = node.client.send("GET", "/")
    refused((status, json.loads(body)), 400, "MissingParameter")


def test_replay(node):
    for send in (lambda: v1(node, SignatureNonce="once"), lambda: v3(node, x_acs_signature_nonce="twice")):
        assert send()[0] == 200
        refused(send(), 400, "SignatureNonceUsed")


@pytest.mark.parametrize("is_orderly", [True, False])
def test_a_restart_does_not_forget_nonces(new_node, is_orderly):
    node = new_node()
    before, later = ({"SignatureNonce": name} for name in ("before", "later"))
    assert v1(node, **before)[0] == 200
    for _ in range(2):  # the second one reads what the first one has written anew
        if is_orderly:
            node.stop(keep=True)
            node.start()
        else:
            node.kill_child("control")
            lib.wait_for(lambda: lib.accepts(node.addr), "the API is back")
        refused(v1(node, **before), 400, "SignatureNonceUsed")
    assert v1(node, **later)[0] == 200
    refused(v1(node, **later), 400, "SignatureNonceUsed")


def test_a_nonce_of_a_refused_request_is_not_used(node):
    refused(v1(node, SignatureNonce="later", Signature="AAAA"), 400, "SignatureDoesNotMatch")
    assert v1(node, SignatureNonce="later")[0] == 200


def test_rate_limit(new_node):
    rate = 5
    node = new_node(rate_limit=rate)

    def is_refused():
        status, answer = v1(node)
        assert (status, answer.get("Code")) in ((200, None), (400, "Throttling.User")), answer
        return status == 400

    def new_key():
        try:
            return node.new_key()
        except lib.ApiError as e:
            assert e.code == "Throttling.User"
            return None

    lib.wait_for(is_refused, "a call too many", step=0)
    lib.wait_for(lambda: not is_refused(), "calls are earned by waiting")
    other = lib.wait_for(new_key, "a call for a new key")
    begun, n_done = time.monotonic(), 0
    while not is_refused():
        n_done += 1
    assert n_done <= rate * (2 + time.monotonic() - begun)
    assert other.call("OpenSlb", "ListAccessKeys")["AccessKeys"]  # each key has its own


# --- HTTP ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_bytes, status, code",
    [
        (b"GET /other HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n", 404, "InvalidPath.NotFound"),
        (b"PUT / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n", 405, "UnsupportedHTTPMethod"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "InvalidRequest"),
        (b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 99999999\r\n\r\n", 413, "RequestTooLarge"),
        (b"GET /" + b"x" * 200000 + b" HTTP/1.1\r\nHost: here\r\n\r\n", 414, "RequestTooLarge"),
        (b"GET / HTTP/3.0\r\nHost: here\r\n\r\n", 505, "InvalidRequest"),
    ],
)
def test_what_is_no_call_gets_the_envelope_too(node, request_bytes, status, code):
    head, _, body = lib.e2e.exchange(node.addr, request_bytes).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status) and b"\r\nContent-Type: application/json" in head, head
    answer = json.loads(body)
    assert answer["Code"] == code and answer["Message"] and len(answer["RequestId"]) == 36, answer
    assert answer["HostId"] == ("here" if status in (404, 405) else ""), answer


def test_methods(node):
    status, _, body = node.client.send("HEAD", "/?Action=x")
    assert status == 403 and body == b""
    assert node.client.send("PUT", "/")[0] == 405
    assert node.client.send("GET", "/other")[0] == 404
    refused(v1(node, "GET", "CreateServerGroup", lib.VERSIONS["Nlb"]), 403, "UnsupportedHTTPMethod")


def test_pages_of_other_hosts_may_not_call(node):
    own = "http://%s:%d" % node.addr
    assert v1(node, headers=[("Origin", own)])[0] == 200
    for origin in ("http://evil.test", "null", own + "1", own + ".evil.test", ""):
        refused(v1(node, headers=[("Origin", origin)]), 403, "Forbidden.Origin")


def test_bodies_that_are_no_forms(node):
    client = node.client
    for kind, body in (("application/json", b"{}"), ("multipart/form-data; boundary=x", b"--x--")):
        status, _, answer = client.send("POST", "/", [("Content-Type", kind)], body)
        refused((status, json.loads(answer)), 400, "UnsupportedContentType")
    for body in (b"A=%4", b"A=%00", b"A=%ff"):
        status, _, answer = client.send("POST", "/", FORM, body)
        refused((status, json.loads(answer)), 400, "InvalidParameter")


def test_error_envelope(node):
    answer = refused(v1(node, Action="Nothing"), 404, "InvalidAction.NotFound")
    assert set(answer) == {"RequestId", "HostId", "Code", "Message", "Recommend"}
    assert answer["HostId"] == "%s:%d" % node.addr
    status, headers, _ = node.client.send("GET", "/")
    assert status == 400 and headers["Content-Type"] == "application/json;charset=utf-8"


def test_success_has_no_code(node):
    answer = node.call("OpenSlb", "GetNodeStatus")
    assert "Code" not in answer and answer["RequestId"]
    assert answer["RegionId"] == lib.REGION and answer["Revision"] >= answer["AcknowledgedRevision"]


# --- parameters ------------------------------------------------------------------------------


def test_bad_json_texts(node):
    for text in ("{", "[1", "[{'ServerId': 'i-1'}]", '"x"', "[1]"):
        e = node.fails("InvalidParameter", "Slb", "AddBackendServers", LoadBalancerId="lb-1", BackendServers=text)
        assert e.status == 400 and "BackendServers" in e.message, e.message


def test_missing_and_wrong_parameters(node):
    assert node.fails("MissingParameter", "OpenSlb", "DeleteAccessKey").status == 400
    e = node.fails("InvalidParameter", "OpenSlb", "ListAccessKeys", MaxResults="many")
    assert "MaxResults" in e.message
    node.fails("InvalidParameter", "OpenSlb", "ListAccessKeys", MaxResults=101)
    node.fails("InvalidParameter", "OpenSlb", "CreateAccessKey", Permission="some")


def test_regions(node):
    assert node.fails("InvalidRegionId.NotFound", "Slb", "DescribeZones", RegionId="moon").status == 404
    assert node.call("Slb", "DescribeZones", RegionId=lib.REGION)["Zones"]
    assert node.call("Slb", "DescribeZones")["Zones"]


def test_operations_that_mean_nothing_here(node):
    e = node.fails("UnsupportedOperation", "Nlb", "AttachCommonBandwidthPackageToLoadBalancer")
    assert e.status == 400 and "AttachCommonBandwidthPackageToLoadBalancer" in e.message


def test_client_token(node):
    first = group(node, "token-1", ClientToken="abc")
    again = group(node, "token-1", ClientToken="abc")
    assert first["ServerGroupId"] == again["ServerGroupId"] and first["JobId"] == again["JobId"]
    assert first["RequestId"] != again["RequestId"]
    assert group(node, "token-1", ClientToken="abd")["ServerGroupId"] != first["ServerGroupId"]
    with pytest.raises(lib.ApiError, match="IdempotenceSignatureMismatch"):
        group(node, "token-2", ClientToken="abc")
    slb = {"LoadBalancerName": "t1", "ClientToken": "abc", "VSwitchId": "vsw-h"}
    first, again = (node.call("Slb", "CreateLoadBalancer", **slb)["LoadBalancerId"] for _ in range(2))
    assert first == again
    node.fails("IdempotentParameterMismatch", "Slb", "CreateLoadBalancer", **{**slb, "LoadBalancerName": "t2"})


def test_client_token_outlives_the_process(new_node):
    node = new_node()
    first = group(node, "token-1", ClientToken="abc")
    node.stop(keep=True)
    node.start()
    assert group(node, "token-1", ClientToken="abc")["ServerGroupId"] == first["ServerGroupId"]


def test_dry_run(node):
    before = node.call("OpenSlb", "ListAccessKeys")["TotalCount"]
    e = node.fails("DryRunOperation", "OpenSlb", "CreateAccessKey", DryRun=True)
    assert e.status == 400
    with pytest.raises(lib.ApiError, match="DryRunOperation"):
        group(node, "dry", DryRun=True, ClientToken="dry")
    node.fails("EntityNotExist.AccessKey", "OpenSlb", "DeleteAccessKey", UserAccessKeyId="none", DryRun=True)
    assert node.call("OpenSlb", "ListAccessKeys")["TotalCount"] == before
    assert group(node, "dry", ClientToken="dry")["ServerGroupId"]


def test_jobs(node):
    answer = node.do("Nlb", "CreateServerGroup", ServerGroupName="job-1", VpcId=lib.VPC)
    jobs = node.call("Nlb", "ListAsynJobs", JobIds=[answer["JobId"]])["Jobs"]
    assert [job["Id"] for job in jobs] == [answer["JobId"]] and jobs[0]["Status"] == "Succeeded"
    assert node.fails("ResourceNotFound.JobId", "Nlb", "GetJobStatus", JobId="none").status == 404


def test_paging(node):
    for _ in range(3):
        node.new_key()
    total = node.call("OpenSlb", "ListAccessKeys")["TotalCount"]
    ids, token = [], None
    while True:
        page = node.call("OpenSlb", "ListAccessKeys", MaxResults=2, NextToken=token)
        assert page["TotalCount"] == total and page["MaxResults"] == 2 and len(page["AccessKeys"]) <= 2
        ids += [key["AccessKeyId"] for key in page["AccessKeys"]]
        token = page.get("NextToken")
        if token is None:
            break
    assert len(ids) == len(set(ids)) == total
    node.fails("InvalidParameter", "OpenSlb", "ListAccessKeys", NextToken="1")


# --- AccessKeys ------------------------------------------------------------------------------


def test_keys_with_limits(node):
    reader = node.new_key(Permission="read-only")
    assert reader.call("OpenSlb", "ListAccessKeys")["AccessKeys"]
    only = node.new_key(Products=["slb", "OpenSlb"])
    assert only.call("Slb", "DescribeRegions")["Regions"]
    for client, product, action, params in (
        (reader, "OpenSlb", "CreateAccessKey", {}),
        (reader, "Nlb", "CreateServerGroup", {"ServerGroupName": "no", "VpcId": lib.VPC}),
        (only, "Nlb", "ListServerGroups", {}),
        (only, "OpenSlb", "CreateAccessKey", {}),  # would be more than it may itself
        (only, "OpenSlb", "UpdateAccessKey", {"UserAccessKeyId": only.key, "AllProducts": True}),
    ):
        with pytest.raises(lib.ApiError) as e:
            client.call(product, action, **params)
        assert (e.value.status, e.value.code) == (403, "Forbidden.NoPermission")


def test_keys_are_changed_and_deleted(node):
    client = node.new_key(Description="of a test")
    listed = node.call("OpenSlb", "ListAccessKeys", MaxResults=100)["AccessKeys"]
    mine = [key for key in listed if key["AccessKeyId"] == client.key][0]
    assert mine["Description"] == "of a test" and mine["Status"] == "Active" and mine["Permission"] == "full"

    node.call("OpenSlb", "UpdateAccessKey", UserAccessKeyId=client.key, Status="Inactive")
    with pytest.raises(lib.ApiError) as e:
        client.call("OpenSlb", "ListAccessKeys")
    assert (e.value.status, e.value.code) == (403, "InvalidAccessKeyId.Inactive")

    node.call("OpenSlb", "UpdateAccessKey", UserAccessKeyId=client.key, Status="Active", Products=["Nlb"])
    with pytest.raises(lib.ApiError, match="Forbidden.NoPermission"):
        client.call("OpenSlb", "ListAccessKeys")
    node.call("OpenSlb", "UpdateAccessKey", UserAccessKeyId=client.key, AllProducts=True)
    assert client.call("OpenSlb", "ListAccessKeys")["AccessKeys"]

    node.call("OpenSlb", "DeleteAccessKey", UserAccessKeyId=client.key)
    with pytest.raises(lib.ApiError) as e:
        client.call("OpenSlb", "ListAccessKeys")
    assert (e.value.status, e.value.code) == (404, "InvalidAccessKeyId.NotFound")
    node.fails("EntityNotExist.AccessKey", "OpenSlb", "DeleteAccessKey", UserAccessKeyId=client.key)


def test_a_key_cannot_lock_itself_out(node):
    for action, params in (
        ("DeleteAccessKey", {}),
        ("UpdateAccessKey", {"Status": "Inactive"}),
        ("UpdateAccessKey", {"Permission": "read-only"}),
        ("UpdateAccessKey", {"Products": ["Slb"]}),
    ):
        node.fails("OperationDenied.OwnAccessKey", "OpenSlb", action, UserAccessKeyId=node.client.key, **params)


def test_the_first_key_stays_without_limits(node):
    """It may do everything whatever its record says, so the record must not say otherwise."""
    other = node.new_key()
    for params in ({"Permission": "read-only"}, {"Products": ["Slb"]}):
        with pytest.raises(lib.ApiError) as e:
            other.call("OpenSlb", "UpdateAccessKey", UserAccessKeyId=node.client.key, **params)
        assert e.value.code == "OperationDenied.RootAccessKey"
    node.call("OpenSlb", "DeleteAccessKey", UserAccessKeyId=other.key)


def test_secrets_stay_secret(node):
    """Neither the log of the process, nor the operation log, nor the files of the store have them."""
    client = node.new_key(Description="secret")
    refused(v1(node, Signature="AAAA"), 400, "SignatureDoesNotMatch")
    made = events(node, ResourceName=client.key)
    assert [event["eventName"] for event in made] == ["CreateAccessKey"]
    assert json.loads(made[0]["responseElementsJson"])["AccessKey"]["AccessKeySecret"] == "***"
    listed = node.call("OpenSlb", "ListAccessKeys", MaxResults=100)
    everything = json.dumps(events(node)) + json.dumps(listed) + node.stderr()
    stored = b"".join(p.read_bytes() for p in node.state_dir.glob("openslb.db*"))
    for secret in (client.secret, node.client.secret):
        assert secret not in everything and secret.encode() not in stored
    for path in node.state_files():
        assert path.stat().st_mode & 0o077 == 0, path
    assert node.state_dir.stat().st_mode & 0o077 == 0


def test_private_keys_are_in_no_record(node):
    """Also when they are refused."""
    for key in ("c2VjcmV0IGtleQ", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0IGtleQ\n-----END PRIVATE KEY-----"):
        with pytest.raises(lib.ApiError) as e:
            node.call("Slb", "UploadServerCertificate", ServerCertificate="none", PrivateKey=key)
        assert "c2VjcmV0" not in json.dumps(e.value.data)
    made = events(node, EventName="UploadServerCertificate")
    assert len(made) == 2 and "c2VjcmV0" not in json.dumps(made) + node.stderr()
    assert json.loads(made[0]["requestParameterJson"])["PrivateKey"] == "***"


def test_refusals_are_logged_once_a_second(new_node):
    node = new_node()
    begun = time.monotonic()
    for _ in range(50):
        refused(v1(node, Signature="AAAA"), 400, "SignatureDoesNotMatch")
    seconds = time.monotonic() - begun
    lines = [line for line in node.stderr().splitlines() if "refused a request" in line]
    assert 1 <= len(lines) <= 2 + seconds and "SignatureDoesNotMatch" in lines[0], (seconds, lines)


# --- the operation log -----------------------------------------------------------------------


def test_events(node):
    answer = group(node, "event-1", Tag=[{"Key": "k", "Value": "v"}])
    event = events(node, ResourceName=answer["ServerGroupId"])[-1]
    assert event["requestId"] == answer["RequestId"] and event["eventName"] == "CreateServerGroup"
    assert event["serviceName"] == "Nlb" and event["apiVersion"] == lib.VERSIONS["Nlb"]
    assert event["eventRW"] == "Write"
    assert event["sourceIpAddress"] == lib.HOST and event["userIdentity"]["accessKeyId"] == node.client.key
    parameters = json.loads(event["requestParameterJson"])
    assert parameters["ServerGroupName"] == "event-1" and parameters["Tag"] == [{"Key": "k", "Value": "v"}]
    assert json.loads(event["responseElementsJson"])["ServerGroupId"] == answer["ServerGroupId"]

    node.fails("EntityNotExist.AccessKey", "OpenSlb", "DeleteAccessKey", UserAccessKeyId="gone")
    failed = events(node, EventName="DeleteAccessKey", EventRW="Write", ServiceName="openslb")[0]
    assert failed["errorCode"] == "EntityNotExist.AccessKey" and failed["errorMessage"]


def test_events_page_in_both_directions(node):
    for i in range(5):
        group(node, f"page-{i}")
    whole = {}
    for direction in ("FORWARD", "BACKWARD"):
        names, token = [], None
        while True:
            page = node.call("ActionTrail", "LookupEvents", Direction=direction, MaxResults=2, NextToken=token,
                LookupAttribute=[{"Key": "EventName", "Value": "CreateServerGroup"}])  # fmt: skip
            names += [event["eventId"] for event in page["Events"]]
            token = page.get("NextToken")
            if not token:
                break
        assert len(names) == len(set(names)) >= 5
        whole[direction] = names
    assert whole["FORWARD"] == whole["BACKWARD"][::-1]


def test_events_of_a_time(node):
    node.fails("InvalidParameter", "ActionTrail", "LookupEvents", StartTime="yesterday")
    before = lib.utc(time.time() - 60)
    node.fails("InvalidTimeRange", "ActionTrail", "LookupEvents", StartTime=lib.utc(), EndTime=before)
    old = node.call("ActionTrail", "LookupEvents", StartTime="2020-01-01T00:00:00Z", EndTime="2020-01-02T00:00:00Z")
    assert old["Events"] == [] and old["StartTime"] == "2020-01-01T00:00:00Z"


def test_counters(node):
    answer = node.wait(lambda a: True, "OpenSlb", "GetNodeStatus")
    assert answer["DataPlane"]["Connected"] is True

    def told():
        try:
            return node.call("OpenSlb", "GetCounters")
        except lib.ApiError as e:
            assert e.code == "ServiceUnavailable"
            return None

    answer = lib.wait_for(told, "counters")
    assert isinstance(answer["Listeners"], list) and isinstance(answer["Servers"], list)


# --- processes -------------------------------------------------------------------------------


def test_the_control_process_dies(new_node):
    """What was answered is still there; its successor answers with the same keys."""
    node = new_node()
    made = node.do("Nlb", "CreateServerGroup", ServerGroupName="kept", VpcId=lib.VPC)
    node.kill_child("control")
    lib.wait_for(lambda: lib.accepts(node.addr), "the API is back")
    listed = node.call("Nlb", "ListServerGroups", ServerGroupIds=[made["ServerGroupId"]])
    assert [g["ServerGroupName"] for g in listed["ServerGroups"]] == ["kept"]
    names = [event["eventName"] for event in events(node)]
    assert "CreateServerGroup" in names


def test_the_first_key_is_made_once(new_node):
    node = new_node()
    first = (node.state_dir / "root-key.json").read_text()
    second = node.new_key()
    second.call("OpenSlb", "DeleteAccessKey", UserAccessKeyId=node.client.key)
    pair = {"AccessKeyId": second.key, "AccessKeySecret": second.secret}
    (node.state_dir / "root-key.json").write_text(json.dumps(pair))
    node.stop(keep=True)
    node.start()
    keys = node.call("OpenSlb", "ListAccessKeys")["AccessKeys"]
    assert [key["AccessKeyId"] for key in keys] == [second.key] and second.key not in first
