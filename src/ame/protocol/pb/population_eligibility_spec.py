# Made from proto/fcp/protos/population_eligibility_spec.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

PopulationEligibilitySpec = _pool.message("google.internal.federated.plan.PopulationEligibilitySpec")
EligibilityPolicyEvalSpec = _pool.message("google.internal.federated.plan.EligibilityPolicyEvalSpec")
DataAvailabilityPolicy = _pool.message("google.internal.federated.plan.DataAvailabilityPolicy")
SamplingWithoutReplacementPolicy = _pool.message("google.internal.federated.plan.SamplingWithoutReplacementPolicy")
TensorFlowCustomPolicy = _pool.message("google.internal.federated.plan.TensorFlowCustomPolicy")
MinimumSeparationPolicy = _pool.message("google.internal.federated.plan.MinimumSeparationPolicy")
