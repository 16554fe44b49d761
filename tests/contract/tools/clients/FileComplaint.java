import java.util.UUID;
import redress.intake.ApiClient;
import redress.intake.ApiException;
import redress.intake.api.ComplaintsApi;
import redress.intake.model.Accepted;
import redress.intake.model.Complaint;
import redress.intake.model.Customer;
import redress.intake.model.ProblemDetails;

/** Files a complaint with the generated client: address, channel key. Prints the reference and a problem's type. */
class FileComplaint {
    public static void main(String[] arguments) throws Exception {
        ApiClient client = new ApiClient();
        client.updateBaseUri(arguments[0]);
        client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + arguments[1]));
        ComplaintsApi complaints = new ComplaintsApi(client);
        Complaint complaint = new Complaint()
            .channel(Complaint.ChannelEnum.WEB)
            .language(Complaint.LanguageEnum.EN)
            .text("The parcel never came.")
            .customer(new Customer().email("jane@example.com"));
        String key = UUID.randomUUID().toString();
        Accepted filed = complaints.fileComplaint(key, complaint);
        if (!filed.equals(complaints.fileComplaint(key, complaint))) throw new AssertionError("filed twice");
        if (!complaints.complaintStatus(filed.getComplaintId()).getReference().equals(filed.getReference()))
            throw new AssertionError("another complaint");
        try {
            complaints.fileComplaint(UUID.randomUUID().toString(), complaint.text(""));
            throw new AssertionError("taken without a text");
        } catch (ApiException refused) {
            ProblemDetails problem = ApiClient.createDefaultObjectMapper().readValue(refused.getResponseBody(), ProblemDetails.class);
            System.out.println(filed.getReference() + " " + problem.getType() + " " + problem.getErrors().get(0).getCode());
        }
    }
}
