"""Files a complaint with the generated client: address, channel key. Prints the reference and a problem's type."""

import sys
from uuid import uuid4

from intake_client import AuthenticatedClient
from intake_client.api.complaints import complaint_status, file_complaint
from intake_client.models import (
    Accepted,
    Complaint,
    ComplaintChannel,
    ComplaintLanguage,
    Customer,
    ProblemDetails,
    Status,
)

client = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2])
complaint = Complaint(
    channel=ComplaintChannel.WEB,
    language=ComplaintLanguage.EN,
    text="The parcel never came.",
    customer=Customer(email="jane@example.com"),
)
key = str(uuid4())
filed = file_complaint.sync(client=client, body=complaint, idempotency_key=key)
assert isinstance(filed, Accepted), filed
assert file_complaint.sync(client=client, body=complaint, idempotency_key=key) == filed
status = complaint_status.sync(filed.complaint_id, client=client)
assert isinstance(status, Status) and status.reference == filed.reference
complaint.text = ""
problem = file_complaint.sync(client=client, body=complaint, idempotency_key=str(uuid4()))
assert isinstance(problem, ProblemDetails), problem
print(filed.reference, problem.type_, problem.errors[0].code)
