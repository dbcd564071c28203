// The three kinds of clients by https: calls of each signature, an error, and a CA that is not believed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { openApi, popCore, refused, step, typed } from './lib.mjs';

const require = createRequire(import.meta.url);
const alb = require('@alicloud/alb20200616');

if (process.argv[2] === 'strange') {
  await openApi('2022-04-30')('ListServerGroups');
  process.exit(0);
}

await step('typed client', async () => {
  const client = typed(alb);
  const { body } = await client.listServerGroups(new alb.ListServerGroupsRequest({ maxResults: 1 }));
  assert.equal(body.totalCount, 0);
  await refused('ResourceNotFound.LoadBalancer', () => client.getLoadBalancerAttribute(
    new alb.GetLoadBalancerAttributeRequest({ loadBalancerId: 'alb-none' })));
});

await step('generic client', async () => {
  const nlb = openApi('2022-04-30');
  const made = await nlb('CreateServerGroup', { ServerGroupName: 'by-https', VpcId: 'vpc-local' });
  const { ServerGroups: groups } = await nlb('ListServerGroups', { 'ServerGroupIds.1': made.ServerGroupId });
  assert.equal(groups[0].ServerGroupName, 'by-https');
});

await step('client of the first generation', async () => {
  const slb = popCore('2014-05-15');
  const { Regions: regions } = await slb('DescribeRegions');
  assert.equal(regions.Region[0].RegionId, 'cn-hangzhou');
});

await step('a client that does not know the CA says so', async () => {
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: '' };
  const done = spawnSync(process.execPath, [process.argv[1], 'strange'], { env, encoding: 'utf8', timeout: 60000 });
  assert.notEqual(done.status, 0);
  assert.match(done.stderr, /unable to verify the first certificate|unable to get local issuer certificate/);
});
