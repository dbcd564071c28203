// NLB by the generic client: TCP and UDP listeners, change, protect, refuse, release.
import assert from 'node:assert/strict';
import { connects, openApi, refused, servers, shares, step, surroundings, udp, until } from './lib.mjs';

const nlb = openApi('2022-04-30');
const { vpc, vswitches, ids } = await surroundings();
const PORT = 18082;

async function job(id) {
  const last = await until(`job ${id}`, async () => {
    const answer = await nlb('GetJobStatus', { JobId: id });
    return answer.Status === 'Processing' ? null : answer;
  });
  assert.equal(last.Status, 'Succeeded', JSON.stringify(last));
}

const lb = await step('create an instance in two zones', async () => {
  const zones = {};
  vswitches.slice(0, 2).forEach((v, i) => {
    zones[`ZoneMappings.${i + 1}.ZoneId`] = v.ZoneId;
    zones[`ZoneMappings.${i + 1}.VSwitchId`] = v.VSwitchId;
  });
  const answer = await nlb('CreateLoadBalancer', {
    AddressType: 'Intranet', LoadBalancerName: 'walk-nlb', VpcId: vpc, ...zones,
  });
  return answer.LoadbalancerId;
});
assert.match(lb, /^nlb-/);

const instance = await step('wait until it is Active', () => until('Active', async () => {
  const answer = await nlb('GetLoadBalancerAttribute', { LoadBalancerId: lb });
  return answer.LoadBalancerStatus === 'Active' ? answer : null;
}));
const vips = instance.ZoneMappings.map((z) => z.LoadBalancerAddresses[0].PrivateIPv4Address);
assert.equal(vips.length, 2);

async function group(name, protocol, port) {
  const { ServerGroupId: id, JobId } = await nlb('CreateServerGroup', {
    ServerGroupName: name, Protocol: protocol, VpcId: vpc, 'HealthCheckConfig.HealthCheckEnabled': false,
  });
  await job(JobId);
  const list = {};
  ids.forEach((server, i) => {
    list[`Servers.${i + 1}.ServerId`] = server;
    list[`Servers.${i + 1}.ServerType`] = 'Ecs';
    list[`Servers.${i + 1}.Port`] = port(servers[i]);
    list[`Servers.${i + 1}.Weight`] = 50;
  });
  await job((await nlb('AddServersToServerGroup', { ServerGroupId: id, ...list })).JobId);
  return id;
}
const tcpGroup = await step('a TCP group', () => group('walk-tcp', 'TCP', (s) => s.port));
const udpGroup = await step('a UDP group', () => group('walk-udp', 'UDP', (s) => s.udp));

async function listener(protocol, id) {
  const answer = await nlb('CreateListener', {
    LoadBalancerId: lb, ListenerProtocol: protocol, ListenerPort: PORT, ServerGroupId: id,
  });
  await job(answer.JobId);
  const attribute = await nlb('GetListenerAttribute', { ListenerId: answer.ListenerId });
  assert.equal(attribute.ListenerStatus, 'Running');
  return answer.ListenerId;
}
const tcp = await step('a TCP listener', () => listener('TCP', tcpGroup));
await step('a UDP listener on the same port', () => listener('UDP', udpGroup));
await step('but not a second TCP one', () => refused('Conflict.Port', () => listener('TCP', tcpGroup)));

await step('TCP traffic through each zone', async () => {
  for (const vip of vips)
    assert.deepEqual(Object.keys(await shares(20, vip, PORT)).sort(), ['one', 'two']);
});
await step('UDP traffic', async () => {
  const seen = new Set();
  for (let i = 0; i < 20; i++) seen.add(await udp(vips[0], PORT, 'hello'));
  assert.deepEqual([...seen].sort(), ['one:hello', 'two:hello']);
});
await step('a weight of 0 moves new connections', async () => {
  await job((await nlb('UpdateServerGroupServersAttribute', {
    ServerGroupId: tcpGroup, 'Servers.1.ServerId': ids[0], 'Servers.1.ServerType': 'Ecs',
    'Servers.1.Port': servers[0].port, 'Servers.1.Weight': 0,
  })).JobId);
  assert.deepEqual(await shares(10, vips[1], PORT), { two: 10 });
});
await step('stop and start', async () => {
  await job((await nlb('StopListener', { ListenerId: tcp })).JobId);
  assert.equal(await connects(vips[0], PORT), false);
  await job((await nlb('StartListener', { ListenerId: tcp })).JobId);
  assert.equal(await connects(vips[0], PORT), true);
});
await step('a protected instance is not released', async () => {
  await nlb('UpdateLoadBalancerProtection', { LoadBalancerId: lb, DeletionProtectionEnabled: true });
  await refused('OperationDenied.DeletionProtectionEnabled', () => nlb('DeleteLoadBalancer', { LoadBalancerId: lb }));
  await nlb('UpdateLoadBalancerProtection', { LoadBalancerId: lb, DeletionProtectionEnabled: false });
});
await step('release, and what it leaves', async () => {
  await nlb('DeleteLoadBalancer', { LoadBalancerId: lb });
  await until('404', async () => {
    try {
      await nlb('GetLoadBalancerAttribute', { LoadBalancerId: lb });
      return false;
    } catch (error) {
      return error.code === 'ResourceNotFound.loadBalancer';
    }
  });
  await until('no listener', async () => !(await connects(vips[0], PORT)));
  await nlb('DeleteServerGroup', { ServerGroupId: tcpGroup });
  await nlb('DeleteServerGroup', { ServerGroupId: udpGroup });
});
