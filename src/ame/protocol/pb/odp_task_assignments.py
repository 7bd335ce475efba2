# Made from proto/shuffler/proto/task_assignments.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

CreateTaskAssignmentRequest = _pool.message("google.ondevicepersonalization.federatedcompute.proto.CreateTaskAssignmentRequest")
CreateTaskAssignmentResponse = _pool.message("google.ondevicepersonalization.federatedcompute.proto.CreateTaskAssignmentResponse")
TaskAssignment = _pool.message("google.ondevicepersonalization.federatedcompute.proto.TaskAssignment")
ReportResultRequest = _pool.message("google.ondevicepersonalization.federatedcompute.proto.ReportResultRequest")
ReportResultResponse = _pool.message("google.ondevicepersonalization.federatedcompute.proto.ReportResultResponse")
UploadInstruction = _pool.message("google.ondevicepersonalization.federatedcompute.proto.UploadInstruction")
Signature = _pool.message("google.ondevicepersonalization.federatedcompute.proto.Signature")
