"""Certificates: uploaded to the certificate service, used by listeners, and never seen with their keys again."""
import os
import re
import stat
import time

import pytest
from certs import Certs
from lib import REGION, VPC, VSWITCHES, ZONES, proves


@pytest.fixture(scope="module")
def certs(tmp_path_factory):
    made = Certs(tmp_path_factory.mktemp("certs"))
    made.make("Root", ca=True)
    made.make("www.example.com", issuer="Root", san="DNS:www.example.com,DNS:*.example.org,IP:127.0.0.1")
    return made


def pem(certs, *names):
    return "".join((certs.folder / f"{name}.pem").read_text() for name in names)


def key(certs, name):
    return (certs.folder / f"{name}.key").read_text()


def upload(node, certs, name, **params):
    """Uploads the certificate of that name; the answer."""
    params = {"Name": f"{name}-{time.monotonic_ns()}", "Cert": pem(certs, name), "Key": key(certs, name), **params}
    return node.call("Cas", "UploadUserCertificate", **params)


def detail(node, cert_id, **params):
    return node.call("Cas", "GetUserCertificateDetail", CertId=cert_id, **params)


def test_an_upload_is_found_again(node, certs):
    chain = pem(certs, "www.example.com", "Root")
    tags = [{"Key": "a", "Value": "b"}]
    uploaded = upload(node, certs, "www.example.com", Name="shop", Cert="some words\n" + chain, Tags=tags)
    shown = detail(node, uploaded["CertId"])
    assert shown["CertIdentifier"] == f"{uploaded['CertId']}-{REGION}"
    assert shown["Id"] == uploaded["CertId"] and shown["InstanceId"] == uploaded["ResourceId"]
    assert shown["Name"] == "shop" and shown["Common"] == "www.example.com" and shown["Issuer"] == "Root"
    assert shown["Sans"] == "www.example.com,*.example.org,127.0.0.1" and shown["OrgName"] == "OpenSLB tests"
    assert shown["Fingerprint"] == certs.fingerprint("www.example.com").replace(":", "")
    assert shown["Algorithm"] == "ECC" and shown["Expired"] is False and shown["BuyInAliyun"] is False
    assert shown["Cert"] == chain and shown["Tags"] == tags
    assert [link["CommonName"] for link in shown["CertChain"]] == ["www.example.com", "Root"]
    assert shown["CertChain"][0]["RemainDay"] in (29, 30)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", shown["EndDate"]) and shown["NotAfter"] > time.time() * 1000
    assert "Cert" not in detail(node, uploaded["CertId"], CertFilter=True)

    listed = node.call("Cas", "ListUserCertificateOrder", OrderType="UPLOAD", Keyword="example.org")
    row = next(row for row in listed["CertificateOrderList"] if row["CertificateId"] == uploaded["CertId"])
    assert row["Name"] == "shop" and row["Upload"] is True and row["CommonName"] == "www.example.com"
    assert row["Status"] in ("ISSUED", "WILLEXPIRED") and listed["TotalCount"] >= 1
    node.call("Cas", "DeleteUserCertificate", CertId=uploaded["CertId"])
    node.fails("NotFound", "Cas", "GetUserCertificateDetail", CertId=uploaded["CertId"])
    assert node.fails("NotFound", "Cas", "DeleteUserCertificate", CertId=uploaded["CertId"]).status == 404


def test_lists_have_pages_and_filters(new_node, certs):
    node = new_node()
    certs.make("year.example.com", days=365)
    ids = [upload(node, certs, "www.example.com")["CertId"] for _ in range(3)]
    ids.append(upload(node, certs, "year.example.com")["CertId"])

    def listed(**params):
        answer = node.call("Cas", "ListUserCertificateOrder", **params)
        return [row["CertificateId"] for row in answer["CertificateOrderList"]], answer["TotalCount"]

    assert listed() == (ids, 4)
    assert listed(CurrentPage=2, ShowSize=3) == (ids[3:], 4)
    assert listed(CurrentPage=3, ShowSize=3) == ([], 4)
    assert listed(Keyword="year") == (ids[3:], 1)
    assert listed(Status="ISSUED") == (ids[3:], 1)
    assert listed(Status="WILLEXPIRED") == (ids[:3], 3)
    assert listed(Status="EXPIRED") == ([], 0)
    assert listed(OrderType="CPACK") == ([], 0)


def test_keys_are_nowhere_in_clear(new_node, certs):
    node = new_node()
    uploaded = upload(node, certs, "www.example.com")
    secret = key(certs, "www.example.com").splitlines()[1]
    answers = [detail(node, uploaded["CertId"]), node.call("Cas", "ListUserCertificateOrder")]
    events = node.call("ActionTrail", "LookupEvents")
    assert "UploadUserCertificate" in str(events)
    for text in (*map(str, answers), str(events), node.stderr()):
        assert secret not in text and "PRIVATE KEY" not in text
    for path in node.state_files():
        assert secret.encode() not in path.read_bytes() and b"PRIVATE KEY" not in path.read_bytes(), path
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600, path
    assert stat.S_IMODE(os.stat(node.state_dir).st_mode) == 0o700
    assert (node.state_dir / "node-key").stat().st_size == 32
    node.kill()
    node.start()
    assert detail(node, uploaded["CertId"])["Name"].startswith("www.example.com-")


def test_what_cannot_serve_is_refused(node, certs):
    certs.make("old.example.com", days=30)
    certs.make("weak.example.com", kind=512)
    certs.make("sha1.example.com", issuer="Root", digest="sha1")
    certs.make("koblitz.example.com", kind="secp256k1")
    good, good_key = pem(certs, "www.example.com"), key(certs, "www.example.com")
    dh = "-----BEGIN DH PARAMETERS-----\nMAYCAQUCAQI=\n-----END DH PARAMETERS-----\n"
    weak, weak_key = pem(certs, "weak.example.com"), key(certs, "weak.example.com")
    sha1, sha1_key = pem(certs, "sha1.example.com"), key(certs, "sha1.example.com")
    koblitz, koblitz_key = pem(certs, "koblitz.example.com"), key(certs, "koblitz.example.com")
    cases = [
        ("Cert", "not in PEM format", dict(Cert="hello", Key=good_key)),
        ("Cert", '"DH PARAMETERS"', dict(Cert=good + dh, Key=good_key)),
        ("Cert", "Certificate 1 of the chain", dict(Cert=good + good, Key=good_key)),
        ("Cert", "RSA key of 512 bits", dict(Cert=weak, Key=weak_key)),
        ("Cert", "SHA1", dict(Cert=sha1, Key=sha1_key)),
        ("Cert", "neither RSA nor EC", dict(Cert=koblitz, Key=koblitz_key)),
        ("Cert", "must be that of a CA", dict(Cert=good)),
        ("Key", "not that of the certificate", dict(Cert=good, Key=key(certs, "Root"))),
        ("Key", "encrypted", dict(Cert=good, Key=certs.locked("www.example.com"))),
        ("Key", "not in PEM format", dict(Cert=good, Key="hello")),
    ]
    for field, phrase, params in cases:
        error = node.fails(f"InvalidParameter.{field}", "Cas", "UploadUserCertificate", Name="refused", **params)
        assert phrase in error.message and error.status == 400, error
    error = node.fails("UnsupportedParameter", "Cas", "UploadUserCertificate", Name="x", Cert=good, SignCert=good)
    assert "SM2" in error.message
    upload(node, certs, "www.example.com", Name="taken")
    node.fails("NameRepeat", "Cas", "UploadUserCertificate", Name="taken", Cert=good, Key=good_key)
    node.fails("MissingParameter", "Cas", "UploadUserCertificate", Name="x", Key=good_key)


def nlb_with_listener(node, **params):
    """The id of a TCPSSL listener on a new instance."""
    zones = [{"ZoneId": z, "VSwitchId": v} for z, v in zip(ZONES[:2], VSWITCHES)]
    instance = node.call("Nlb", "CreateLoadBalancer", VpcId=VPC, AddressType="Intranet", ZoneMappings=zones)
    group = node.call("Nlb", "CreateServerGroup", ServerGroupName="certs", VpcId=VPC, Protocol="TCP")
    listener = node.call(
        "Nlb", "CreateListener", LoadBalancerId=instance["LoadbalancerId"], ListenerProtocol="TCPSSL", ListenerPort=443,
        ServerGroupId=group["ServerGroupId"], **params,
    )  # fmt: skip
    return listener["ListenerId"]


@proves("NLBI-34")
def test_nlb_listeners_use_managed_certificates(node, certs):
    default = upload(node, certs, "www.example.com")["CertId"]
    more = upload(node, certs, "www.example.com")["CertId"]
    ca = upload(node, certs, "Root", Key=None)["CertId"]
    # The number alone and the whole identifier name the same certificate.
    listener = nlb_with_listener(node, CertificateIds=[default], CaEnabled=True, CaCertificateIds=[f"{ca}-{REGION}"])
    shown = node.call("Nlb", "GetListenerAttribute", ListenerId=listener)
    assert shown["CertificateIds"] == [f"{default}-{REGION}"] and shown["CaCertificateIds"] == [f"{ca}-{REGION}"]
    associate = "AssociateAdditionalCertificatesWithListener"
    node.call("Nlb", associate, ListenerId=listener, AdditionalCertificateIds=[f"{more}-{REGION}"])
    for used in (default, more, ca):
        error = node.fails("CertificateInUse", "Cas", "DeleteUserCertificate", CertId=used)
        assert "in use by 1 " in error.message
    unknown = dict(ListenerId=listener, AdditionalCertificateIds=["99-cn-hangzhou"])
    node.fails("ResourceNotFound.Certificate", "Nlb", associate, **unknown)
    node.call("Nlb", "DeleteListener", ListenerId=listener)
    for used in (default, more, ca):
        node.call("Cas", "DeleteUserCertificate", CertId=used)


@proves("CLBL-39")
def test_clb_takes_uploads_itself(node, certs):
    uploaded = node.call(
        "Slb", "UploadServerCertificate", RegionId=REGION, ServerCertificateName="own",
        ServerCertificate=pem(certs, "www.example.com"), PrivateKey=key(certs, "www.example.com"),
    )  # fmt: skip
    assert uploaded["Fingerprint"].upper() == certs.fingerprint("www.example.com")
    assert uploaded["CommonName"] == "www.example.com"
    assert "PRIVATE KEY" not in str(uploaded)
    root = dict(CACertificateName="ca", CACertificate=pem(certs, "Root"))
    ca = node.call("Slb", "UploadCACertificate", RegionId=REGION, **root)
    assert ca["CommonName"] == "Root"
    # They are Slb's: the certificate service has no number for them.
    names = [row["Name"] for row in node.call("Cas", "ListUserCertificateOrder", ShowSize=1000)["CertificateOrderList"]]
    assert "own" not in names and "ca" not in names
    node.call("Slb", "DeleteServerCertificate", RegionId=REGION, ServerCertificateId=uploaded["ServerCertificateId"])
    node.call("Slb", "DeleteCACertificate", RegionId=REGION, CACertificateId=ca["CACertificateId"])


@proves("ALBL-30")
def test_alb_listeners_use_managed_certificates(node, certs):
    zones = [{"ZoneId": z, "VSwitchId": v} for z, v in zip(ZONES[:2], VSWITCHES)]
    instance = node.call(
        "Alb", "CreateLoadBalancer", LoadBalancerName="certs", LoadBalancerEdition="Standard", VpcId=VPC,
        AddressType="Intranet", AddressAllocatedMode="Fixed", ZoneMappings=zones,
        LoadBalancerBillingConfig={"PayType": "PostPay"},
    )["LoadBalancerId"]  # fmt: skip
    group = node.do(
        "Alb", "CreateServerGroup", ServerGroupName="certs", VpcId=VPC, ServerGroupType="Ip",
        HealthCheckConfig={"HealthCheckEnabled": False}, StickySessionConfig={"StickySessionEnabled": False},
    )["ServerGroupId"]  # fmt: skip
    cert = upload(node, certs, "www.example.com")["CertId"]
    forward = [{"Type": "ForwardGroup", "ForwardGroupConfig": {"ServerGroupTuples": [{"ServerGroupId": group}]}}]
    params = dict(LoadBalancerId=instance, ListenerProtocol="HTTPS", ListenerPort=443, DefaultActions=forward)
    unknown = [{"CertificateId": "99"}]
    node.fails("ResourceNotFound.Certificate", "Alb", "CreateListener", Certificates=unknown, **params)
    params["Certificates"] = [{"CertificateId": str(cert)}]
    listener = node.call("Alb", "CreateListener", **params)["ListenerId"]
    shown = node.call("Alb", "GetListenerAttribute", ListenerId=listener)
    assert [c["CertificateId"] for c in shown["Certificates"]] == [f"{cert}-{REGION}"]
    node.fails("CertificateInUse", "Cas", "DeleteUserCertificate", CertId=cert)
    node.call("Alb", "DeleteListener", ListenerId=listener)
    node.call("Cas", "DeleteUserCertificate", CertId=cert)
