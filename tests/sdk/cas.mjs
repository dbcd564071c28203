// Certificates by their typed client: upload, list, detail, delete. The PEM files come from the environment.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { refused, step, typed } from './lib.mjs';

const require = createRequire(import.meta.url);
const cas = require('@alicloud/cas20200407');
const client = typed(cas);
const cert = fs.readFileSync(process.env.OPENSLB_CERT, 'utf8');
const key = fs.readFileSync(process.env.OPENSLB_CERT_KEY, 'utf8');
const otherKey = fs.readFileSync(process.env.OPENSLB_OTHER_KEY, 'utf8');

const id = await step('upload', async () => {
  const { body } = await client.uploadUserCertificate(new cas.UploadUserCertificateRequest({ name: 'walk-cert', cert, key }));
  assert.ok(body.certId > 0);
  return body.certId;
});
await step('a key of another certificate is refused', () => refused('InvalidParameter.Key', () => client.uploadUserCertificate(
  new cas.UploadUserCertificateRequest({ name: 'walk-wrong', cert, key: otherKey }))));
await step('list and detail, without the key', async () => {
  const list = await client.listUserCertificateOrder(new cas.ListUserCertificateOrderRequest({ orderType: 'UPLOAD' }));
  assert.ok(list.body.certificateOrderList.some((c) => c.certificateId === id));
  const { body } = await client.getUserCertificateDetail(new cas.GetUserCertificateDetailRequest({ certId: id }));
  assert.equal(body.cert.trim(), cert.trim());
  assert.ok(!body.key);
});
await step('delete', () => client.deleteUserCertificate(new cas.DeleteUserCertificateRequest({ certId: id })));
