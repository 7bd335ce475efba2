# Made from proto/fcp/protos/task_eligibility_context.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

TaskEligibilityContext = _pool.message("google.internal.federated.plan.TaskEligibilityContext")
SingleTaskEligibilityContext = _pool.message("google.internal.federated.plan.SingleTaskEligibilityContext")
