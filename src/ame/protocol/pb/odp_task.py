# Made from proto/shuffler/proto/task.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

TaskStatus = _pool.message("google.ondevicepersonalization.federatedcompute.proto.TaskStatus")
Task = _pool.message("google.ondevicepersonalization.federatedcompute.proto.Task")
TaskInfo = _pool.message("google.ondevicepersonalization.federatedcompute.proto.TaskInfo")
TrainingInfo = _pool.message("google.ondevicepersonalization.federatedcompute.proto.TrainingInfo")
EligibilityTaskInfo = _pool.message("google.ondevicepersonalization.federatedcompute.proto.EligibilityTaskInfo")
EvaluationInfo = _pool.message("google.ondevicepersonalization.federatedcompute.proto.EvaluationInfo")
CheckPointSelector = _pool.message("google.ondevicepersonalization.federatedcompute.proto.CheckPointSelector")
EveryKIterationsCheckpointSelector = _pool.message("google.ondevicepersonalization.federatedcompute.proto.EveryKIterationsCheckpointSelector")
EveryKHoursCheckpointSelector = _pool.message("google.ondevicepersonalization.federatedcompute.proto.EveryKHoursCheckpointSelector")
GetTaskByIdResponse = _pool.message("google.ondevicepersonalization.federatedcompute.proto.GetTaskByIdResponse")
CreateTaskRequest = _pool.message("google.ondevicepersonalization.federatedcompute.proto.CreateTaskRequest")
CreateTaskResponse = _pool.message("google.ondevicepersonalization.federatedcompute.proto.CreateTaskResponse")
IterationInfo = _pool.message("google.ondevicepersonalization.federatedcompute.proto.IterationInfo")
