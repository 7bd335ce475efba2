# Made from proto/fcp/protos/federatedcompute/task_assignments.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

StartTaskAssignmentRequest = _pool.message("google.internal.federatedcompute.v1.StartTaskAssignmentRequest")
StartTaskAssignmentMetadata = _pool.message("google.internal.federatedcompute.v1.StartTaskAssignmentMetadata")
StartTaskAssignmentResponse = _pool.message("google.internal.federatedcompute.v1.StartTaskAssignmentResponse")
PerformMultipleTaskAssignmentsRequest = _pool.message("google.internal.federatedcompute.v1.PerformMultipleTaskAssignmentsRequest")
PerformMultipleTaskAssignmentsResponse = _pool.message("google.internal.federatedcompute.v1.PerformMultipleTaskAssignmentsResponse")
TaskAssignment = _pool.message("google.internal.federatedcompute.v1.TaskAssignment")
FederatedSelectUriInfo = _pool.message("google.internal.federatedcompute.v1.FederatedSelectUriInfo")
ReportTaskResultRequest = _pool.message("google.internal.federatedcompute.v1.ReportTaskResultRequest")
ClientStats = _pool.message("google.internal.federatedcompute.v1.ClientStats")
ReportTaskResultResponse = _pool.message("google.internal.federatedcompute.v1.ReportTaskResultResponse")
