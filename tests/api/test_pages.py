"""Pages: their limits, and that nothing is left out while objects come and go between two of them."""
import pytest

import lib
from alb import Alb
from clb import Clb
from lib import VPC, ZONES
from nlb import Nlb

OFF = {"HealthCheckEnabled": False}


def pages(node, operation, path, size, between=None, **params):
    """All rows by pages of a size; between(i) is called after the i-th page."""
    product, action = operation.split(".")
    rows, token, i = [], None, 0
    while True:
        answer = node.call(product, action, MaxResults=size, NextToken=token, **params)
        assert answer["MaxResults"] == size and len(answer[path]) <= size
        rows += answer[path]
        token = answer.get("NextToken")
        if not token:
            return rows
        assert len(answer[path]) == size  # only the last one may be short
        if between:
            between(i)
        i += 1


def ip(n):
    return {"ServerId": f"127.0.{100 + n // 250}.{1 + n % 250}", "ServerType": "Ip", "Port": 80, "RemoteIpEnabled": True}


def test_documents_that_stay_are_seen_once_while_others_come_and_go(node, alb):
    ids = [alb.call("CreateServerGroup", ServerGroupName=f"paged-{i}", ServerGroupType="Ip", VpcId=VPC,
                    HealthCheckConfig=OFF, Tag=[{"Key": "paged"}])["ServerGroupId"] for i in range(9)]  # fmt: skip
    gone = []

    def between(i):
        victim = ids[(2, 5)[i]] if i < 2 else None  # the last one of a page: the token points at it
        if victim:
            alb.call("DeleteServerGroup", ServerGroupId=victim)
            gone.append(victim)
        alb.call("CreateServerGroup", ServerGroupName="late", ServerGroupType="Ip", VpcId=VPC, HealthCheckConfig=OFF)

    rows = pages(node, "Alb.ListServerGroups", "ServerGroups", 3, between, Tag=[{"Key": "paged"}])
    assert [r["ServerGroupId"] for r in rows] == ids and gone == [ids[2], ids[5]]


@pytest.mark.parametrize("product", ["Alb", "Nlb"])
def test_servers_that_stay_are_seen_once_while_others_come_and_go(node, product):
    words = {"Alb": Alb, "Nlb": Nlb}[product](node)
    servers = [ip(n) if product == "Alb" else {**ip(n), "RemoteIpEnabled": None} for n in range(20)]
    group = words.group(*servers[:10])

    def between(i):
        if i == 0:  # before the token, at it, behind it
            words.call("RemoveServersFromServerGroup", ServerGroupId=group, Servers=[servers[0], servers[7]])
        if i == 1:
            words.call("RemoveServersFromServerGroup", ServerGroupId=group, Servers=[servers[5]])
            words.call("AddServersToServerGroup", ServerGroupId=group, Servers=[servers[12]])

    rows = pages(node, f"{product}.ListServerGroupServers", "Servers", 3, between, ServerGroupId=group)
    seen = [r["ServerId"] for r in rows]
    assert len(seen) == len(set(seen))
    assert set(seen) >= {servers[n]["ServerId"] for n in (1, 2, 3, 4, 6, 8, 9, 12)}
    assert servers[7]["ServerId"] not in seen


def test_entries_and_tags_that_stay_are_seen_once_while_others_go(node, alb):
    acl = alb.do("CreateAcl", AclName="paged")["AclId"]
    entries = [f"10.0.{i}.0/24" for i in range(9)]
    alb.do("AddEntriesToAcl", AclId=acl, AclEntries=[{"Entry": e} for e in entries])

    def between(i):
        if i == 0:
            alb.call("RemoveEntriesFromAcl", AclId=acl, Entries=[entries[0], entries[2]])

    rows = pages(node, "Alb.ListAclEntries", "AclEntries", 3, between, AclId=acl)
    assert [r["Entry"] for r in rows] == entries

    lbs = [alb.new(Tag=[{"Key": f"k{k}", "Value": "v"} for k in range(4)]) for _ in range(3)]

    def untag(i):
        if i == 0:
            alb.call("UnTagResources", ResourceType="loadbalancer", ResourceId=[lbs[0]], TagKey=["k0", "k1"])

    rows = pages(node, "Alb.ListTagResources", "TagResources", 3, untag, ResourceType="loadbalancer", ResourceId=lbs)
    seen = [(r["ResourceId"], r["TagKey"]) for r in rows]
    assert len(seen) == len(set(seen)) == 12


def test_tokens_are_refused_where_they_were_not_given(node, alb):
    for i in range(3):
        alb.do("CreateAcl", AclName=f"token-{i}")
    answer = alb.call("ListAcls", MaxResults=1)
    for token in (answer["NextToken"][:-1], answer["NextToken"] + "0", "x", "0" * 32, "0" * 64, "é"):
        alb.fails("InvalidParameter", "ListAcls", MaxResults=1, NextToken=token)
    alb.fails("InvalidParameter", "ListServerGroups", MaxResults=1, NextToken=answer["NextToken"])
    alb.fails("InvalidParameter", "ListServerGroupServers", MaxResults=1, NextToken=answer["NextToken"])
    assert "NextToken" not in alb.call("ListAcls", MaxResults=100, NextToken="")


@pytest.mark.parametrize(
    "operation, most",
    [
        ("Alb.ListLoadBalancers", 100), ("Alb.ListListeners", 100), ("Alb.ListServerGroups", 100), ("Alb.ListRules", 100),
        ("Alb.ListAcls", 100), ("Alb.ListAsynJobs", 100), ("Alb.ListServerGroupServers", 100),
        ("Nlb.ListLoadBalancers", 100), ("Nlb.ListListeners", 100), ("Nlb.ListServerGroups", 100),
        ("Nlb.ListSecurityPolicy", 100), ("Slb.DescribeLoadBalancerListeners", 100), ("OpenSlb.ListServers", 100),
        ("ActionTrail.LookupEvents", 50),
    ],
)  # fmt: skip
def test_sizes_of_pages_by_token(node, operation, most):
    product, action = operation.split(".")
    for size in (0, -1, most + 1, "x", 2**31):
        assert node.fails("InvalidParameter", product, action, MaxResults=size).status == 400
    assert node.call(product, action, MaxResults=most).get("MaxResults", most) == most
    assert node.call(product, action).get("MaxResults", 20) == 20


@pytest.mark.parametrize(
    "operation, size, most",
    [
        ("Slb.DescribeLoadBalancers", 10, 100), ("Slb.DescribeAccessControlLists", 10, 100), ("Slb.DescribeTags", 50, 100),
        ("Slb.DescribeAccessLogsDownloadAttribute", 10, 50), ("Alidns.DescribeDomains", 20, 100),
        ("Alidns.DescribeDomainGroups", 20, 110), ("Alidns.DescribeDomainLogs", 20, 100), ("Vpc.DescribeVSwitches", 10, 100),
    ],
)  # fmt: skip
def test_sizes_of_pages_by_number(node, operation, size, most):
    product, action = operation.split(".")
    for wrong in ({"PageSize": 0}, {"PageSize": -1}, {"PageSize": most + 1}, {"PageNumber": 0}, {"PageNumber": -1}):
        assert node.fails("InvalidParameter", product, action, **wrong).status == 400, wrong
    answer = node.call(product, action)
    assert (answer["PageNumber"], answer["PageSize"]) == (1, size) and "TotalCount" in answer
    answer = node.call(product, action, PageNumber=900, PageSize=most)
    assert (answer["PageNumber"], answer["PageSize"]) == (900, most)


def test_records_come_in_pages_of_500(node):
    node.call("Alidns", "AddDomain", DomainName="paged.example")
    for i in range(3):
        node.call("Alidns", "AddDomainRecord", DomainName="paged.example", RR=f"r{i}", Type="A", Value="192.0.2.1")
    params = {"DomainName": "paged.example"}
    answer = node.call("Alidns", "DescribeDomainRecords", **params, PageSize=500)
    assert (answer["PageSize"], answer["TotalCount"], len(answer["DomainRecords"]["Record"])) == (500, 3, 3)
    node.fails("InvalidParameter", "Alidns", "DescribeDomainRecords", **params, PageSize=501)
    last = node.call("Alidns", "DescribeDomainRecords", **params, PageSize=2, PageNumber=2)
    assert len(last["DomainRecords"]["Record"]) == 1
    assert node.call("Alidns", "DescribeDomainRecords", **params, PageSize=2, PageNumber=3)["DomainRecords"] == {"Record": []}


def test_entries_of_a_clb_list_come_in_pages(node):
    clb = Clb(node)
    acl = clb.call("CreateAccessControlList", AclName="paged")["AclId"]
    entries = [{"entry": f"10.0.{i}.0/24", "comment": f"c{i}"} for i in range(7)]
    clb.call("AddAccessControlListEntry", AclId=acl, AclEntrys=entries)

    def page(**params):
        answer = clb.call("DescribeAccessControlListAttribute", AclId=acl, **params)
        assert answer.get("TotalAclEntry", 7) == 7
        return [e["AclEntryIP"] for e in answer["AclEntrys"]["AclEntry"]]

    assert page(Page=2, PageSize=3) == [e["entry"] for e in entries[3:6]]
    assert page(Page=3, PageSize=3) == [entries[6]["entry"]]
    assert page(Page=4, PageSize=3) == []
    assert lib.REGION and ZONES and len(page(PageSize=50)) == 7
