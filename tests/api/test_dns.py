"""Domains, records and weights through Alidns: what is kept, what is refused. Nothing answers queries yet."""
import itertools

import pytest

import lib
from lib import proves

counter = itertools.count(1)


class Dns:
    """Operations of Alidns of one node, on a domain."""

    def __init__(self, node, domain):
        self.node = node
        self.domain = domain

    def call(self, action, **params):
        return self.node.call("Alidns", action, **params)

    def fails(self, code, action, **params):
        return self.node.fails(code, "Alidns", action, **params)

    def add(self, rr, type_, value, **params):
        given = {"DomainName": self.domain, "RR": rr, "Type": type_, "Value": value}
        return self.call("AddDomainRecord", **{**given, **params})["RecordId"]

    def info(self, record):
        return self.call("DescribeDomainRecordInfo", RecordId=record)

    def records(self, **params):
        answer = self.call("DescribeDomainRecords", DomainName=self.domain, **params)
        return answer["DomainRecords"]["Record"]

    def set_open(self, rr, type_="CNAME", open_=True):
        name = self.domain if rr == "@" else f"{rr}.{self.domain}"
        return self.call("SetDNSSLBStatus", SubDomain=name, Type=type_, Open=open_)


@pytest.fixture
def dns(node):
    """A domain of its own for each test."""
    name = f"d{next(counter)}.example.cn"
    node.call("Alidns", "AddDomain", DomainName=name)
    return Dns(node, name)


# --- domains -----------------------------------------------------------------------------------


def test_domain_lives_from_add_to_delete(node):
    dns = Dns(node, "life.example.net")
    added = dns.call("AddDomain", DomainName="LIFE.Example.net.")
    assert added["DomainName"] == added["PunyCode"] == "life.example.net"
    assert len(added["DnsServers"]["DnsServer"]) == 2
    dns.fails("InvalidDomainName.Duplicate", "AddDomain", DomainName="life.example.net")

    info = dns.call("DescribeDomainInfo", DomainName="life.example.net", NeedDetailAttributes=True, Lang="en")
    assert info["DomainId"] == added["DomainId"]
    assert [line["LineCode"] for line in info["RecordLines"]["RecordLine"]] == ["default"]
    assert info["CreateTime"].endswith("Z") and info["CreateTime"].count(":") == 1
    assert info["MinTtl"] == 1 and "5" in info["AvailableTtls"]["AvailableTtl"]
    assert "RecordLines" not in dns.call("DescribeDomainInfo", DomainName="life.example.net")

    record = dns.add("www", "A", "192.0.2.1")
    dns.call("UpdateDomainRemark", DomainName="life.example.net", Remark="for tests")
    rows = dns.call("DescribeDomains", KeyWord="life.example.net", SearchMode="EXACT")["Domains"]["Domain"]
    assert [(r["DomainName"], r["RecordCount"], r["Remark"]) for r in rows] == [("life.example.net", 1, "for tests")]

    assert dns.call("DeleteDomain", DomainName="life.example.net")["DomainName"] == "life.example.net"
    dns.fails("InvalidDomainName.NoExist", "DescribeDomainInfo", DomainName="life.example.net")
    dns.fails("DomainRecordNotBelongToUser", "DescribeDomainRecordInfo", RecordId=record)


NAMES = ["example", "-a.example.com", "a_b.example.com", "a..com", "1.2.3.4", "x" * 64 + ".com", "a b.com", "bücher.de", "."]


@pytest.mark.parametrize("name", NAMES)
def test_domain_name_is_refused(node, name):
    node.fails("InvalidDomainName.Format", "Alidns", "AddDomain", DomainName=name)


def test_domain_name_may_be_international(node):
    assert node.call("Alidns", "AddDomain", DomainName="例子.example.net")["PunyCode"] == "xn--fsqu00a.example.net"
    node.fails("InvalidDomainName.Duplicate", "Alidns", "AddDomain", DomainName="xn--fsqu00a.example.net")
    dns = Dns(node, "例子.example.net")
    assert dns.info(dns.add("中文", "CNAME", "例子.cn"))["RR"] == "xn--fiq228c"
    sub = dns.call("DescribeSubDomainRecords", SubDomain="中文.例子.example.net")
    assert [r["Value"] for r in sub["DomainRecords"]["Record"]] == ["xn--fsqu00a.cn"]


def test_groups_hold_domains(dns):
    group = dns.call("AddDomainGroup", GroupName="shops")["GroupId"]
    changed = dns.call("ChangeDomainGroup", DomainName=dns.domain, GroupId=group)
    assert changed["GroupName"] == "shops"
    rows = dns.call("DescribeDomains", GroupId=group)["Domains"]["Domain"]
    assert [(r["DomainName"], r["GroupName"]) for r in rows] == [(dns.domain, "shops")]
    row = dns.call("DescribeDomainGroups", KeyWord="shop")["DomainGroups"]["DomainGroup"][0]
    assert row["DomainCount"] == 1
    dns.fails("Fobidden.NotEmptyGroup", "DeleteDomainGroup", GroupId=group)
    dns.call("UpdateDomainGroup", GroupId=group, GroupName="stores")
    dns.call("ChangeDomainGroup", DomainName=dns.domain)
    dns.call("DeleteDomainGroup", GroupId=group)
    dns.fails("InvalidGroupId.NoExist", "AddDomain", DomainName="grouped.example.net", GroupId=group)


def test_main_domain_is_the_longest_added_one_or_two_labels(dns):
    def split(name):
        answer = dns.call("GetMainDomainName", InputString=name)
        return answer["RR"], answer["DomainName"], answer["DomainLevel"]

    assert split(f"a.b.{dns.domain}") == ("a.b", dns.domain, 3)
    assert split(dns.domain) == ("@", dns.domain, 1)
    assert split("www.other.example") == ("www", "other.example", 2)


def test_name_servers_are_told_but_delegation_is_not_looked_up(dns):
    answer = dns.call("DescribeDomainNs", DomainName=dns.domain)
    assert len(answer["ExpectDnsServers"]["ExpectDnsServer"]) == 2
    assert answer["DnsServers"] == {"DnsServer": []} and answer["IncludeAliDns"] is False


def test_lines(dns):
    rows = dns.call("DescribeSupportLines", Lang="en")["RecordLines"]["RecordLine"]
    assert [(r["LineCode"], r["LineName"]) for r in rows] == [("default", "Default")]


def test_tags_are_found_by_domain_name(dns):
    tag = [{"Key": "team", "Value": dns.domain}]
    dns.call("TagResources", ResourceType="DOMAIN", ResourceId=[dns.domain], Tag=tag)
    rows = dns.call("ListTagResources", ResourceType="DOMAIN", Tag=tag)["TagResources"]
    assert [(r["ResourceId"], r["TagKey"]) for r in rows] == [(dns.domain, "team")]
    shown = dns.call("DescribeDomains", KeyWord=dns.domain)["Domains"]["Domain"][0]
    assert shown["Tags"]["Tag"] == tag
    keys = {t["Key"]: t["Values"] for t in dns.call("DescribeTags", ResourceType="DOMAIN")["Tags"]}
    assert dns.domain in keys["team"]
    dns.call("UntagResources", ResourceType="DOMAIN", ResourceId=[dns.domain], TagKey=["team"])
    assert dns.call("ListTagResources", ResourceType="DOMAIN", Tag=tag)["TagResources"] == []


# --- records -----------------------------------------------------------------------------------

VALUES = [
    ("A", "192.0.2.1", "192.0.2.1"),
    ("AAAA", "2001:DB8:0::1", "2001:db8::1"),
    ("CNAME", "web0.example.cn.", "web0.example.cn"),
    ("CNAME", "_acme.example.cn", "_acme.example.cn"),
    ("NS", "ns1.example.cn", "ns1.example.cn"),
    ("TXT", 'v=spf1 include:"x" ~all', 'v=spf1 include:"x" ~all'),
    ("SRV", "10  5 443 sip.example.cn", "10 5 443 sip.example.cn"),
    ("CAA", '0 issue "ca.example.cn"', '0 issue "ca.example.cn"'),
]


@pytest.mark.parametrize("type_,value,kept", VALUES)
def test_value_is_kept(dns, type_, value, kept):
    info = dns.info(dns.add("host", type_, value))
    assert (info["Type"], info["Value"], info["TTL"], info["Line"]) == (type_, kept, 600, "default")
    assert (info["Status"], info["Locked"], info["DomainName"]) == ("ENABLE", False, dns.domain)


BAD_VALUES = [
    ("A", "192.0.2.256"), ("A", "2001:db8::1"), ("A", "www.example.cn"), ("AAAA", "192.0.2.1"), ("CNAME", "192.0.2.1"),
    ("CNAME", "localhost"), ("CNAME", "a..b"), ("NS", "2001:db8::1"), ("TXT", "x" * 513), ("SRV", "10 5 sip.example.cn"),
    ("SRV", "10 5 70000 sip.example.cn"), ("CAA", "0 issue ca.example.cn"), ("CAA", '256 issue "a.b"'),
    ("CAA", '0 forbid "a.b"'),
]  # fmt: skip


@pytest.mark.parametrize("type_,value", BAD_VALUES)
def test_value_is_refused(dns, type_, value):
    dns.fails("SubDomainInvalid.Value", "AddDomainRecord", DomainName=dns.domain, RR="host", Type=type_, Value=value)


REFUSED = [
    ("no such domain", {"DomainName": "nowhere.example"}, "InvalidDomainName.NoExist"),
    ("bad host", {"RR": "a..b"}, "InvalidRR.Format"),
    ("star inside", {"RR": "a.*"}, "InvalidRR.Format"),
    ("host too long", {"RR": ".".join(["x" * 60] * 4)}, "InvalidRR.Format"),
    ("TTL 0", {"TTL": 0}, "InvalidParameter"),
    ("TTL over a day", {"TTL": 86401}, "InvalidParameter"),
    ("no such line", {"Line": "telecom"}, "InvalidLine.NoExist"),
    ("forwarding", {"Type": "REDIRECT_URL", "Value": "http://a.b"}, "UnsupportedParameter"),
    ("another type", {"Type": "HINFO"}, "UnsupportedParameter"),
    ("MX without priority", {"Type": "MX", "Value": "mx.example.cn"}, "MissingParameter"),
    ("MX priority 51", {"Type": "MX", "Value": "mx.example.cn", "Priority": 51}, "InvalidParameter"),
    ("priority of A", {"Priority": 5}, "InvalidParameter"),
    ("CNAME at the top", {"RR": "@", "Type": "CNAME", "Value": "a.example.cn"}, "DomainRecordConflict"),
    ("NS at the top", {"RR": "@", "Type": "NS", "Value": "a.example.cn"}, "SubDomainInvalid.Value"),
    ("CNAME beside A", {"RR": "www", "Type": "CNAME", "Value": "a.example.cn"}, "DomainRecordConflict"),
    ("NS beside A", {"RR": "www", "Type": "NS", "Value": "a.example.cn"}, "DomainRecordConflict"),
    ("the same again", {"RR": "WWW", "Value": "192.0.2.1"}, "DomainRecordDuplicate"),
    ("A beside CNAME", {"RR": "alias"}, "DomainRecordConflict"),
]


@pytest.fixture(scope="module")
def busy(node):
    """A domain that has records already."""
    node.call("Alidns", "AddDomain", DomainName="busy.example.cn")
    dns = Dns(node, "busy.example.cn")
    dns.add("www", "A", "192.0.2.1")
    dns.add("alias", "CNAME", "www.busy.example.cn")
    return dns


@pytest.mark.parametrize("name,changes,code", REFUSED, ids=[r[0] for r in REFUSED])
def test_record_is_refused(busy, name, changes, code):
    given = {"DomainName": busy.domain, "RR": "other", "Type": "A", "Value": "192.0.2.9"}
    busy.fails(code, "AddDomainRecord", **{**given, **changes})


def test_records_are_listed_filtered_and_paged(dns):
    made = [dns.add(f"h{i}", "A", f"192.0.2.{i}") for i in range(1, 6)]
    mail = dns.add("@", "MX", "mx.example.cn", Priority=10)
    assert [r["RecordId"] for r in dns.records()] == [mail, *reversed(made)]
    assert [r["RecordId"] for r in dns.records(Direction="ASC", PageSize=2, PageNumber=2)] == made[2:4]
    assert [r["RR"] for r in dns.records(RRKeyWord="h3")] == ["h3"]
    assert [r["RR"] for r in dns.records(ValueKeyWord="2.4")] == ["h4"]
    assert [r["Priority"] for r in dns.records(TypeKeyWord="mx")] == [10]
    assert [r["RR"] for r in dns.records(KeyWord="h1", SearchMode="EXACT")] == ["h1"]
    assert dns.records(Status="Disable") == []
    sub = dns.call("DescribeSubDomainRecords", SubDomain=f"h2.{dns.domain}")
    assert sub["TotalCount"] == 1 and sub["DomainRecords"]["Record"][0]["Value"] == "192.0.2.2"
    assert dns.call("DeleteSubDomainRecords", DomainName=dns.domain, RR="h2")["TotalCount"] == "1"
    assert len(dns.records()) == 5


def test_status_and_remark_of_a_record(dns):
    record = dns.add("www", "A", "192.0.2.1")
    assert dns.call("SetDomainRecordStatus", RecordId=record, Status="Disable")["Status"] == "Disable"
    dns.call("UpdateDomainRecordRemark", RecordId=record, Remark="old server")
    info = dns.info(record)
    assert (info["Status"], info["Remark"]) == ("DISABLE", "old server")
    alias = dns.add("www", "CNAME", "new.example.cn")  # a disabled record is in nobody's way
    dns.fails("DomainRecordConflict", "SetDomainRecordStatus", RecordId=record, Status="Enable")
    dns.call("DeleteDomainRecord", RecordId=alias)
    dns.call("SetDomainRecordStatus", RecordId=record, Status="Enable")
    dns.fails("DomainRecordNotBelongToUser", "DeleteDomainRecord", RecordId=alias)


# --- the migration's records -------------------------------------------------------------------


@proves("DNS-03", "DNS-06")
def test_rename_keeps_all_but_the_host(dns):
    record = dns.add("www", "A", "192.0.2.1", TTL=5)
    before = dns.info(record)
    dns.call("UpdateDomainRecord", RecordId=record, RR="web0", Type="A", Value="192.0.2.1")
    after = dns.info(record)
    assert after["RR"] == "web0" and after["TTL"] == 5
    skipped = ("RR", "RequestId")
    assert {k: v for k, v in before.items() if k not in skipped} == {k: v for k, v in after.items() if k not in skipped}
    dns.fails("DomainRecordDuplicate", "UpdateDomainRecord", RecordId=record, RR="web0", Type="A", Value="192.0.2.1")


@proves("DNS-07")
def test_weights_of_a_migration_go_from_one_side_to_the_other(dns):
    old = dns.add("www", "CNAME", f"web0.{dns.domain}", TTL=5)
    dns.fails("DisableDNSSLB", "SetDNSSLBStatus", SubDomain=f"www.{dns.domain}", Type="CNAME")
    new = dns.add("www", "CNAME", "nlb-1.cn-hangzhou.nlb.openslb.test", TTL=5)
    dns.fails("DisableDNSSLB", "UpdateDNSSLBWeight", RecordId=old, Weight=100)

    opened = dns.set_open("www")
    assert (opened["Open"], opened["RecordCount"]) == (True, 2)
    assert {r["RecordId"]: (r["LbaStatus"], r["Weight"]) for r in dns.records()} == {old: (True, 1), new: (True, 1)}
    for weights in ((100, 0), (50, 50), (0, 100)):
        for record, weight in zip((old, new), weights):
            assert dns.call("UpdateDNSSLBWeight", RecordId=record, Weight=weight)["Weight"] == weight
        assert {r["RecordId"]: r["Weight"] for r in dns.records()} == dict(zip((old, new), weights))
    dns.fails("InvalidParameter", "UpdateDNSSLBWeight", RecordId=old, Weight=101)
    row = dns.call("DescribeDNSSLBSubDomains", DomainName=dns.domain)["SlbSubDomains"]["SlbSubDomain"][0]
    assert (row["SubDomain"], row["Type"], row["Open"], row["RecordCount"]) == (f"www.{dns.domain}", "CNAME", True, 2)
    assert row["LineAlgorithms"]["LineAlgorithm"] == [{"Line": "default", "Open": True}]

    assert dns.set_open("www", open_=False)["Open"] is False
    assert [r["LbaStatus"] for r in dns.records()] == [False, False]


@proves("DNS-01")
@pytest.mark.parametrize("name,records,type_", [
    ("one record", [("w", "A", "192.0.2.1")], "A"),
    ("another host", [("w", "A", "192.0.2.1"), ("v", "A", "192.0.2.2")], "A"),
    ("another type", [("w", "A", "192.0.2.1"), ("w", "AAAA", "2001:db8::1")], "A"),
    ("star", [("*", "A", "192.0.2.1"), ("*", "A", "192.0.2.2")], "A"),
])  # fmt: skip
def test_weights_need_several_records_of_one_host_and_type(dns, name, records, type_):
    for rr, kind, value in records:
        dns.add(rr, kind, value)
    dns.fails("DisableDNSSLB", "SetDNSSLBStatus", SubDomain=f"{records[0][0]}.{dns.domain}", Type=type_)


@proves("DNS-01")
@pytest.mark.parametrize("type_,values", [
    ("A", ("192.0.2.1", "192.0.2.2")),
    ("AAAA", ("2001:db8::1", "2001:db8::2")),
    ("CNAME", ("a.example.cn", "b.example.cn")),
])  # fmt: skip
def test_weights_are_for_addresses_and_names(dns, type_, values):
    for value in values:
        dns.add("w", type_, value)
    assert dns.call("SetDNSSLBStatus", SubDomain=f"w.{dns.domain}")["RecordCount"] == 2  # Type follows the records
    dns.fails("InvalidParameter", "SetDNSSLBStatus", SubDomain=f"w.{dns.domain}", Type="TXT")


def test_disabled_records_do_not_count_and_an_emptied_set_is_forgotten(dns):
    made = [dns.add("w", "A", f"192.0.2.{i}") for i in (1, 2)]
    dns.call("SetDomainRecordStatus", RecordId=made[0], Status="Disable")
    dns.fails("DisableDNSSLB", "SetDNSSLBStatus", SubDomain=f"w.{dns.domain}", Type="A")
    dns.call("SetDomainRecordStatus", RecordId=made[0], Status="Enable")
    dns.set_open("w", "A")
    for record in made:
        dns.call("DeleteDomainRecord", RecordId=record)
    for i in (1, 2):
        dns.add("w", "A", f"192.0.2.{i}")
    assert [r["LbaStatus"] for r in dns.records()] == [False, False]


# --- logs --------------------------------------------------------------------------------------


def test_logs_tell_who_changed_what(dns):
    record = dns.add("www", "A", "192.0.2.1")
    dns.call("SetDomainRecordStatus", RecordId=record, Status="Disable")
    dns.fails("InvalidRR.Format", "AddDomainRecord", DomainName=dns.domain, RR="a..b", Type="A", Value="192.0.2.1")
    rows = dns.call("DescribeRecordLogs", DomainName=dns.domain)["RecordLogs"]["RecordLog"]
    assert [r["Action"] for r in rows] == ["SET_STATUS", "ADD"]
    assert "RR=www" in rows[1]["Message"] and "Value=192.0.2.1" in rows[1]["Message"]
    assert rows[0]["ClientIp"] == lib.HOST and rows[0]["ActionTime"].count(":") == 1
    found = dns.call("DescribeRecordLogs", DomainName=dns.domain, KeyWord="192.0.2.1")
    assert found["TotalCount"] == 1

    rows = dns.call("DescribeDomainLogs", KeyWord=dns.domain)["DomainLogs"]["DomainLog"]
    assert [(r["Action"], r["DomainName"]) for r in rows] == [("ADD", dns.domain)]
    assert dns.call("DescribeDomainLogs", KeyWord=dns.domain, endDate="2020-01-01")["TotalCount"] == 0
    dns.fails("InvalidParameter", "DescribeDomainLogs", StartDate="yesterday")
