# Made from proto/fcp/protos/federatedcompute/eligibility_eval_tasks.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

EligibilityEvalTaskRequest = _pool.message("google.internal.federatedcompute.v1.EligibilityEvalTaskRequest")
EligibilityEvalTaskCapabilities = _pool.message("google.internal.federatedcompute.v1.EligibilityEvalTaskCapabilities")
EligibilityEvalTaskResponse = _pool.message("google.internal.federatedcompute.v1.EligibilityEvalTaskResponse")
EligibilityEvalTask = _pool.message("google.internal.federatedcompute.v1.EligibilityEvalTask")
NoEligibilityEvalConfigured = _pool.message("google.internal.federatedcompute.v1.NoEligibilityEvalConfigured")
ReportEligibilityEvalTaskResultRequest = _pool.message("google.internal.federatedcompute.v1.ReportEligibilityEvalTaskResultRequest")
ReportEligibilityEvalTaskResultResponse = _pool.message("google.internal.federatedcompute.v1.ReportEligibilityEvalTaskResultResponse")
