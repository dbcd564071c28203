// CLB by the first-generation client: HTTP, TCP and UDP listeners, rules, protect, refuse, release.
import assert from 'node:assert/strict';
import { connects, get, popCore, refused, servers, shares, step, surroundings, udp, until } from './lib.mjs';

const slb = popCore('2014-05-15');
const { vpc, vswitches, ids } = await surroundings();
const HTTP = 18083;
const TCP = 18084;
const UDP = 18085;

const { lb, ip } = await step('create an instance', async () => {
  const answer = await slb('CreateLoadBalancer', {
    LoadBalancerName: 'walk-clb', AddressType: 'intranet', VpcId: vpc, VSwitchId: vswitches[0].VSwitchId,
  });
  return { lb: answer.LoadBalancerId, ip: answer.Address };
});
assert.match(lb, /^lb-/);

const group = await step('a vServer group', async () => {
  const answer = await slb('CreateVServerGroup', {
    LoadBalancerId: lb, VServerGroupName: 'walk-group',
    BackendServers: JSON.stringify(ids.map((id, i) => ({ ServerId: id, Port: String(servers[i].port), Weight: '100' }))),
  });
  assert.equal(answer.BackendServers.BackendServer.length, 2);
  return answer.VServerGroupId;
});
const second = await step('a vServer group of the second server', async () => (await slb('CreateVServerGroup', {
  LoadBalancerId: lb, VServerGroupName: 'walk-second',
  BackendServers: JSON.stringify([{ ServerId: ids[1], Port: servers[1].port }]),
})).VServerGroupId);
const udpGroup = await step('a vServer group for UDP', async () => (await slb('CreateVServerGroup', {
  LoadBalancerId: lb, VServerGroupName: 'walk-udp',
  BackendServers: JSON.stringify(ids.map((id, i) => ({ ServerId: id, Port: servers[i].udp }))),
})).VServerGroupId);

await step('listeners of three protocols, stopped until they are started', async () => {
  await slb('CreateLoadBalancerHTTPListener', {
    LoadBalancerId: lb, ListenerPort: HTTP, Bandwidth: -1, StickySession: 'off', HealthCheck: 'off', VServerGroupId: group,
  });
  await slb('CreateLoadBalancerTCPListener', { LoadBalancerId: lb, ListenerPort: TCP, Bandwidth: -1, VServerGroupId: group });
  await slb('CreateLoadBalancerUDPListener', { LoadBalancerId: lb, ListenerPort: UDP, Bandwidth: -1, VServerGroupId: udpGroup });
  assert.equal((await slb('DescribeLoadBalancerHTTPListenerAttribute', { LoadBalancerId: lb, ListenerPort: HTTP })).Status, 'stopped');
  assert.equal(await connects(ip, HTTP), false);
  for (const [port, protocol] of [[HTTP, 'http'], [TCP, 'tcp'], [UDP, 'udp']])
    await slb('StartLoadBalancerListener', { LoadBalancerId: lb, ListenerPort: port, ListenerProtocol: protocol });
  for (const [port, protocol] of [[HTTP, 'HTTP'], [TCP, 'TCP'], [UDP, 'UDP']])
    await until('running', async () => (await slb(`DescribeLoadBalancer${protocol}ListenerAttribute`, {
      LoadBalancerId: lb, ListenerPort: port,
    })).Status === 'running');
});

await step('traffic', async () => {
  assert.deepEqual(Object.keys(await shares(20, ip, HTTP)).sort(), ['one', 'two']);
  assert.deepEqual(Object.keys(await shares(20, ip, TCP)).sort(), ['one', 'two']);
  const seen = new Set();
  for (let i = 0; i < 20; i++) seen.add(await udp(ip, UDP, 'hello'));
  assert.deepEqual([...seen].sort(), ['one:hello', 'two:hello']);
});

await step('a rule by domain and URL', async () => {
  const answer = await slb('CreateRules', {
    LoadBalancerId: lb, ListenerPort: HTTP,
    RuleList: JSON.stringify([{ RuleName: 'home', Domain: 'www.example.net', Url: '/home', VServerGroupId: second }]),
  });
  const id = answer.Rules.Rule[0].RuleId;
  await until('all to the second', async () => {
    const counts = await shares(6, ip, HTTP, '/home/a', 'www.example.net');
    return counts.two === 6;
  });
  assert.deepEqual(Object.keys(await shares(20, ip, HTTP, '/other', 'www.example.net')).sort(), ['one', 'two']);
  await refused('DomainExist', () => slb('CreateRules', {
    LoadBalancerId: lb, ListenerPort: HTTP,
    RuleList: JSON.stringify([{ RuleName: 'again', Domain: 'www.example.net', Url: '/home', VServerGroupId: second }]),
  }));
  await refused('RspoolVipExist', () => slb('DeleteVServerGroup', { VServerGroupId: second }));
  await slb('DeleteRules', { RuleIds: JSON.stringify([id]) });
});

await step('a weight of 0 moves new connections', async () => {
  await slb('SetVServerGroupAttribute', {
    VServerGroupId: group,
    BackendServers: JSON.stringify([{ ServerId: ids[0], Port: servers[0].port, Weight: 0 }]),
  });
  await until('all to the second', async () => (await shares(6, ip, TCP)).two === 6);
});

await step('a protected instance is not released', async () => {
  await slb('SetLoadBalancerDeleteProtection', { LoadBalancerId: lb, DeleteProtection: 'on' });
  await refused('OperationDenied.DeleteProtectionIsOn', () => slb('DeleteLoadBalancer', { LoadBalancerId: lb }));
  await slb('SetLoadBalancerDeleteProtection', { LoadBalancerId: lb, DeleteProtection: 'off' });
});

await step('release', async () => {
  await slb('DeleteLoadBalancer', { LoadBalancerId: lb });
  await refused('InvalidLoadBalancerId.NotFound', () => slb('DescribeLoadBalancerAttribute', { LoadBalancerId: lb }));
  await until('no listener', async () => (await get(ip, HTTP)).status === 0);
});
