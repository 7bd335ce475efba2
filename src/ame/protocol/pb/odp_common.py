# Made from proto/shuffler/proto/common.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

EligibilityPolicyEvalSpec = _pool.message("google.ondevicepersonalization.federatedcompute.proto.EligibilityPolicyEvalSpec")
MinimumSeparationPolicy = _pool.message("google.ondevicepersonalization.federatedcompute.proto.MinimumSeparationPolicy")
DataAvailabilityPolicy = _pool.message("google.ondevicepersonalization.federatedcompute.proto.DataAvailabilityPolicy")
