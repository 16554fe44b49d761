// Files a complaint with the generated client: address, channel key. Prints the reference and a problem's type.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"redress/intake"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	configuration := intake.NewConfiguration()
	configuration.Servers = intake.ServerConfigurations{{URL: os.Args[1]}}
	complaints := intake.NewAPIClient(configuration).ComplaintsAPI
	signed := context.WithValue(context.Background(), intake.ContextAccessToken, os.Args[2])

	complaint := intake.NewComplaint("web", "en", "The parcel never came.")
	customer := intake.NewCustomer()
	customer.SetEmail("jane@example.com")
	complaint.SetCustomer(*customer)
	filed, _, err := complaints.FileComplaint(signed).IdempotencyKey(os.Args[3]).Complaint(*complaint).Execute()
	check(err)
	again, _, err := complaints.FileComplaint(signed).IdempotencyKey(os.Args[3]).Complaint(*complaint).Execute()
	check(err)
	status, _, err := complaints.ComplaintStatus(signed, filed.ComplaintId).Execute()
	check(err)
	if again.Reference != filed.Reference || status.Reference != filed.Reference {
		check(errors.New("another complaint"))
	}
	complaint.Text = ""
	_, _, err = complaints.FileComplaint(signed).IdempotencyKey(os.Args[4]).Complaint(*complaint).Execute()
	var refused *intake.GenericOpenAPIError
	if !errors.As(err, &refused) {
		check(fmt.Errorf("not refused as told: %v", err))
	}
	problem := refused.Model().(intake.ProblemDetails)
	fmt.Println(filed.Reference, problem.Type, problem.Errors[0].Code)
}
