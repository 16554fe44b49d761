// Files a complaint with the generated client: address, channel key. Prints the reference and a problem's type.
import { ComplaintsApi, Configuration, ProblemDetailsFromJSON, ResponseError } from './intake/index.js';

declare const process: { argv: string[] };

const [, , basePath, accessToken] = process.argv;
const complaints = new ComplaintsApi(new Configuration({ basePath, accessToken }));
const complaint = {
  channel: 'web' as const, language: 'en' as const, text: 'The parcel never came.', customer: { email: 'jane@example.com' },
};
const idempotencyKey = crypto.randomUUID();
const filed = await complaints.fileComplaint({ idempotencyKey, complaint });
const again = await complaints.fileComplaint({ idempotencyKey, complaint });
const status = await complaints.complaintStatus({ complaintId: filed.complaintId });
if (again.reference !== filed.reference || status.reference !== filed.reference) throw new Error('another complaint');
try {
  await complaints.fileComplaint({ idempotencyKey: crypto.randomUUID(), complaint: { ...complaint, text: '' } });
  throw new Error('taken without a text');
} catch (refused) {
  if (!(refused instanceof ResponseError)) throw refused;
  const problem = ProblemDetailsFromJSON(await refused.response.json());
  console.log(filed.reference, problem.type, problem.errors?.[0]?.code);
}
