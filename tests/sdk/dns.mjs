// DNS by its typed client: a zone, records, weights.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { refused, step, typed } from './lib.mjs';

const require = createRequire(import.meta.url);
const dns = require('@alicloud/alidns20150109');
const client = typed(dns);
const domainName = 'walk-example.net';

await step('a domain', async () => {
  const { body } = await client.addDomain(new dns.AddDomainRequest({ domainName }));
  assert.equal(body.domainName, domainName);
});
const add = async (RR, type, value, TTL = 600) => (await client.addDomainRecord(
  new dns.AddDomainRecordRequest({ domainName, RR, type, value, TTL }))).body.recordId;
const old = await step('the old record, renamed, and two names for it', async () => {
  const id = await add('www', 'A', '127.0.0.9');
  await client.updateDomainRecord(new dns.UpdateDomainRecordRequest({ recordId: id, RR: 'web0', type: 'A', value: '127.0.0.9', TTL: 600 }));
  return id;
});
const one = await add('www', 'CNAME', `web0.${domainName}`, 5);
await step('a record that exists is refused', () => refused('DomainRecordDuplicate', () => add('www', 'CNAME', `web0.${domainName}`, 5)));
const two = await add('www', 'CNAME', 'alb-x.cn-hangzhou.alb.example.net', 5);
await step('weights', async () => {
  await refused('DisableDNSSLB', () => client.updateDNSSLBWeight(new dns.UpdateDNSSLBWeightRequest({ recordId: one, weight: 50 })));
  await client.setDNSSLBStatus(new dns.SetDNSSLBStatusRequest({ subDomain: `www.${domainName}`, type: 'CNAME', open: true }));
  await client.updateDNSSLBWeight(new dns.UpdateDNSSLBWeightRequest({ recordId: one, weight: 100 }));
  await client.updateDNSSLBWeight(new dns.UpdateDNSSLBWeightRequest({ recordId: two, weight: 0 }));
  const { body } = await client.describeSubDomainRecords(new dns.DescribeSubDomainRecordsRequest({ subDomain: `www.${domainName}` }));
  assert.equal(body.totalCount, 2);
  assert.deepEqual(body.domainRecords.record.map((r) => [r.recordId, r.weight]).sort(), [[one, 100], [two, 0]].sort());
});
await step('clean up', async () => {
  for (const recordId of [old, one, two]) await client.deleteDomainRecord(new dns.DeleteDomainRecordRequest({ recordId }));
  await client.deleteDomain(new dns.DeleteDomainRequest({ domainName }));
});
