"""How many objects of a kind a node has room for: what the node file says, told with the product's own code."""
import pytest

import lib
from alb import Alb
from certs import Certs
from clb import Clb
from lib import REGION, VPC, ZONES
from nlb import Nlb

QUOTAS = """\
[quotas]
instances = 2
server_groups = 2
access_lists = 1
tls_policies = 1
certificates = 2
domains = 1
records = 2
servers = 1
vswitches = 4
security_groups = 1
"""


class SmallNode(lib.Node):
    def _conf(self, rate_limit):
        return super()._conf(rate_limit) + QUOTAS


@pytest.fixture(scope="module")
def small():
    node = SmallNode()
    yield node
    node.stop()


def test_instances_and_groups_of_each_product(small):
    alb, nlb, clb = Alb(small), Nlb(small), Clb(small)
    albs = [alb.new(Tag=None, ClientToken=f"t{i}") for i in range(2)]
    refused = alb.fails("QuotaExceeded.LoadBalancersNum", "CreateLoadBalancer", **_alb())
    assert refused.status == 400 and "2" in refused.message and "instances" in refused.message
    alb.fails("QuotaExceeded.LoadBalancersNum", "CreateLoadBalancer", DryRun=True, **_alb())
    assert alb.new(Tag=None, ClientToken="t1") == albs[1]  # a repeated call makes none
    alb.do("DeleteLoadBalancer", LoadBalancerId=albs[0])
    alb.new()

    for _ in range(2):
        nlb.instance()
    nlb.fails("QuotaExceeded.QuotaInsufficient", "CreateLoadBalancer", AddressType="Intranet", VpcId=VPC,
              ZoneMappings=_alb()["ZoneMappings"])  # fmt: skip
    lbs = [clb.instance()[0] for _ in range(2)]
    clb.fails("OverQuota", "CreateLoadBalancer")

    for _ in range(2):
        alb.group()
        nlb.group()
    alb.fails("QuotaExceeded.ServerGroupsNum", "CreateServerGroup", ServerGroupName="more", VpcId=VPC,
              HealthCheckConfig={"HealthCheckEnabled": False})  # fmt: skip
    nlb.fails("QuotaExceeded.QuotaInsufficient", "CreateServerGroup", ServerGroupName="more", VpcId=VPC)
    for lb in lbs:
        clb.group(lb, {"ServerId": "127.0.9.1", "Port": 80})
    clb.fails("QuotaLimitExceeds.VServerGroup", "CreateVServerGroup", LoadBalancerId=lbs[0],
              BackendServers=[{"ServerId": "127.0.9.1", "Port": 80}])  # fmt: skip


def _alb():
    zones = [{"ZoneId": z, "VSwitchId": v} for z, v in zip(ZONES[:2], lib.VSWITCHES)]
    return {"AddressType": "Intranet", "LoadBalancerEdition": "Basic", "VpcId": VPC, "ZoneMappings": zones,
            "LoadBalancerBillingConfig": {"PayType": "PostPay"}}  # fmt: skip


def test_access_lists_and_policies(small):
    alb, nlb, clb = Alb(small), Nlb(small), Clb(small)
    alb.do("CreateAcl", AclName="only")
    alb.fails("QuotaExceeded.AclsNum", "CreateAcl", AclName="more")
    clb.call("CreateAccessControlList", AclName="only")
    clb.fails("AclNumberOverLimit", "CreateAccessControlList", AclName="more")
    suites = {"Ciphers": ["ECDHE-RSA-AES128-GCM-SHA256"]}
    alb.call("CreateSecurityPolicy", SecurityPolicyName="only", TLSVersions=["TLSv1.2"], **suites)
    alb.fails("QuotaExceeded.SecurityPoliciesNum", "CreateSecurityPolicy", SecurityPolicyName="more",
              TLSVersions=["TLSv1.2"], **suites)  # fmt: skip
    nlb.do("CreateSecurityPolicy", TlsVersions=["TLSv1.2"], **suites)
    nlb.fails("QuotaExceeded.QuotaInsufficient", "CreateSecurityPolicy", TlsVersions=["TLSv1.2"], **suites)
    clb.call("CreateTLSCipherPolicy", Name="only", TLSVersions=["TLSv1.2"], **suites)
    clb.fails("TLSCipherPolicyOverLimit", "CreateTLSCipherPolicy", Name="more", TLSVersions=["TLSv1.2"], **suites)


def test_certificates_of_all_products_together(small, tmp_path):
    clb, made = Clb(small), Certs(tmp_path)
    cert, key = made.make("www.example.net")
    ca, _ = made.make("quota-ca", ca=True)
    first = small.call("Cas", "UploadUserCertificate", Name="one", Cert=cert, Key=key)["CertId"]
    clb.call("UploadServerCertificate", ServerCertificate=cert, PrivateKey=key)
    small.fails("QuotaExceeded.Certificate", "Cas", "UploadUserCertificate", Name="two", Cert=cert, Key=key)
    clb.fails("QuotaLimitExceeds.ServerCertificate", "UploadServerCertificate", ServerCertificate=cert, PrivateKey=key)
    clb.fails("QuotaLimitExceeds.CACertificate", "UploadCACertificate", CACertificate=ca)
    small.call("Cas", "DeleteUserCertificate", CertId=first)
    clb.call("UploadCACertificate", CACertificate=ca)


def test_domains_records_and_the_inventory(small):
    def dns(action, **params):
        return small.call("Alidns", action, **params)

    dns("AddDomain", DomainName="only.example")
    small.fails("QuotaExceeded.Domain", "Alidns", "AddDomain", DomainName="more.example")
    dns("AddDomainGroup", GroupName="only")
    small.fails("QuotaExceeded.DomainGroup", "Alidns", "AddDomainGroup", GroupName="more")
    record = {"DomainName": "only.example", "Type": "A", "Value": "192.0.2.1"}
    ids = [dns("AddDomainRecord", RR=rr, **record)["RecordId"] for rr in ("a", "b")]
    small.fails("QuotaExceeded.Record", "Alidns", "AddDomainRecord", RR="c", **record)
    dns("DeleteDomainRecord", RecordId=ids[0])
    dns("AddDomainRecord", RR="c", **record)

    address = {"PrivateIpAddresses": [f"{small.prefix}.0.9"]}
    small.call("OpenSlb", "RegisterServer", **address)
    small.fails("QuotaExceeded.Server", "OpenSlb", "RegisterServer", **address)
    small.call("OpenSlb", "RegisterNetworkInterface", **address)
    small.fails("QuotaExceeded.NetworkInterface", "OpenSlb", "RegisterNetworkInterface", **address)
    place = {"VpcId": VPC, "ZoneId": ZONES[0]}
    small.call("Vpc", "CreateVSwitch", CidrBlock=f"{small.prefix}.64.0/28", **place)  # three are the node's own
    small.fails("QuotaExceeded.VSwitch", "Vpc", "CreateVSwitch", CidrBlock=f"{small.prefix}.65.0/28", **place)
    small.call("Ecs", "CreateSecurityGroup", VpcId=VPC, RegionId=REGION)
    small.fails("QuotaExceeded.SecurityGroup", "Ecs", "CreateSecurityGroup", VpcId=VPC)
