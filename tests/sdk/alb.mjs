// ALB by its typed client: create, wait, traffic, change, protect, refuse, release.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { get, refused, servers, shares, step, surroundings, typed, until } from './lib.mjs';

const require = createRequire(import.meta.url);
const alb = require('@alicloud/alb20200616');
const client = typed(alb);
const { vpc, vswitches, ids } = await surroundings();
const PORT = 18081;

async function job(id) {
  const last = await until(`job ${id}`, async () => {
    const { body } = await client.listAsynJobs(new alb.ListAsynJobsRequest({ jobIds: [id] }));
    assert.equal(body.jobs.length, 1);
    return body.jobs[0].status === 'Processing' ? null : body.jobs[0];
  });
  assert.equal(last.status, 'Succeeded', JSON.stringify(last));
}

const lb = await step('create an instance in two zones', async () => {
  const { body } = await client.createLoadBalancer(new alb.CreateLoadBalancerRequest({
    addressType: 'Intranet', loadBalancerName: 'walk-alb', loadBalancerEdition: 'Standard', vpcId: vpc,
    loadBalancerBillingConfig: { payType: 'PostPay' },
    zoneMappings: vswitches.slice(0, 2).map((v) => ({ zoneId: v.ZoneId, vSwitchId: v.VSwitchId })),
  }));
  assert.match(body.requestId, /^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/);
  return body.loadBalancerId;
});
assert.match(lb, /^alb-/);

const instance = await step('wait until it is Active', () => until('Active', async () => {
  const { body } = await client.getLoadBalancerAttribute(new alb.GetLoadBalancerAttributeRequest({ loadBalancerId: lb }));
  return body.loadBalancerStatus === 'Active' ? body : null;
}));
assert.equal(instance.zoneMappings.length, 2);
assert.ok(instance.DNSName.startsWith(`${lb}.cn-hangzhou.alb.`));
const vips = instance.zoneMappings.map((z) => z.loadBalancerAddresses[0].address);

const group = await step('create a server group with both servers', async () => {
  const { body } = await client.createServerGroup(new alb.CreateServerGroupRequest({
    serverGroupName: 'walk-group', vpcId: vpc, protocol: 'HTTP', scheduler: 'Wrr',
    healthCheckConfig: { healthCheckEnabled: false }, stickySessionConfig: { stickySessionEnabled: false },
  }));
  await job(body.jobId);
  const added = await client.addServersToServerGroup(new alb.AddServersToServerGroupRequest({
    serverGroupId: body.serverGroupId,
    servers: ids.map((id, i) => ({ serverId: id, serverType: 'Ecs', port: servers[i].port, weight: 50 })),
  }));
  await job(added.body.jobId);
  return body.serverGroupId;
});

const forward = (id) => ({ type: 'ForwardGroup', forwardGroupConfig: { serverGroupTuples: [{ serverGroupId: id }] } });
const listener = await step('create a listener', async () => {
  const { body } = await client.createListener(new alb.CreateListenerRequest({
    loadBalancerId: lb, listenerProtocol: 'HTTP', listenerPort: PORT, defaultActions: [forward(group)],
  }));
  await job(body.jobId);
  const attribute = await client.getListenerAttribute(new alb.GetListenerAttributeRequest({ listenerId: body.listenerId }));
  assert.equal(attribute.body.listenerStatus, 'Running');
  return body.listenerId;
});

await step('traffic reaches both servers through each zone', async () => {
  for (const vip of vips) {
    const counts = await shares(20, vip, PORT);
    assert.deepEqual(Object.keys(counts).sort(), ['one', 'two'], JSON.stringify(counts));
  }
});

await step('a weight of 0 moves all traffic', async () => {
  const { body } = await client.updateServerGroupServersAttribute(new alb.UpdateServerGroupServersAttributeRequest({
    serverGroupId: group, servers: [{ serverId: ids[0], serverType: 'Ecs', port: servers[0].port, weight: 0 }],
  }));
  await job(body.jobId);
  assert.deepEqual(await shares(10, vips[0], PORT), { two: 10 });
});

await step('rules answer, redirect and forward', async () => {
  const rule = (priority, name, ruleConditions, ruleActions) => client.createRule(new alb.CreateRuleRequest({
    listenerId: listener, priority, ruleName: name, ruleConditions, ruleActions,
  })).then(async ({ body }) => { await job(body.jobId); return body.ruleId; });
  const path = (value) => [{ type: 'Path', pathConfig: { values: [value] } }];
  await rule(1, 'walk-fixed', path('/teapot'), [{
    type: 'FixedResponse', order: 1, fixedResponseConfig: { httpCode: '418', contentType: 'text/plain', content: 'short and stout' },
  }]);
  const redirect = await rule(2, 'walk-redirect', path('/old*'), [{
    type: 'Redirect', order: 1, redirectConfig: { protocol: 'HTTPS', port: '443', httpCode: '301' },
  }]);
  let answer = await get(vips[0], PORT, '/teapot');
  assert.equal(answer.status, 418);
  assert.equal(answer.body, 'short and stout');
  answer = await get(vips[0], PORT, '/old/a?x=1', 'www.example.net');
  assert.equal(answer.status, 301);
  assert.match(answer.headers.location, /^https:\/\/www\.example\.net(:443)?\/old\/a\?x=1$/);
  const rules = await client.listRules(new alb.ListRulesRequest({ listenerIds: [listener] }));
  assert.equal(rules.body.totalCount, 2);
  const { body } = await client.deleteRule(new alb.DeleteRuleRequest({ ruleId: redirect }));
  await job(body.jobId);
  assert.equal((await get(vips[0], PORT, '/old/a')).status, 200);
  await refused('Conflict.Priority', () => rule(1, 'walk-twice', path('/x'), [{ ...forward(group), order: 1 }]));
});

await step('stop and start', async () => {
  await job((await client.stopListener(new alb.StopListenerRequest({ listenerId: listener }))).body.jobId);
  assert.equal((await get(vips[0], PORT)).status, 0);
  await job((await client.startListener(new alb.StartListenerRequest({ listenerId: listener }))).body.jobId);
  assert.equal((await get(vips[0], PORT)).status, 200);
});

await step('a group in use is not deleted', () => refused('ResourceInUse.ServerGroup',
  () => client.deleteServerGroup(new alb.DeleteServerGroupRequest({ serverGroupId: group }))));

await step('a protected instance is not released', async () => {
  await client.enableDeletionProtection(new alb.EnableDeletionProtectionRequest({ resourceId: lb }));
  await refused('OperationDenied.DeletionProtectionEnabled',
    () => client.deleteLoadBalancer(new alb.DeleteLoadBalancerRequest({ loadBalancerId: lb })));
  await client.disableDeletionProtection(new alb.DisableDeletionProtectionRequest({ resourceId: lb }));
});

await step('release, and what it leaves', async () => {
  await client.deleteLoadBalancer(new alb.DeleteLoadBalancerRequest({ loadBalancerId: lb }));
  await until('404', async () => {
    try {
      await client.getLoadBalancerAttribute(new alb.GetLoadBalancerAttributeRequest({ loadBalancerId: lb }));
      return false;
    } catch (error) {
      return error.code === 'ResourceNotFound.LoadBalancer';
    }
  });
  await until('no listener', async () => (await get(vips[0], PORT)).status === 0);
  await client.deleteServerGroup(new alb.DeleteServerGroupRequest({ serverGroupId: group }));
});
