# Made from proto/fcp/secagg/shared/secagg_messages.proto by tools/protos.py. Not to be edited.

from ame.protocol.pb import _pool

ClientToServerWrapperMessage = _pool.message("fcp.secagg.ClientToServerWrapperMessage")
ServerToClientWrapperMessage = _pool.message("fcp.secagg.ServerToClientWrapperMessage")
AbortMessage = _pool.message("fcp.secagg.AbortMessage")
AdvertiseKeys = _pool.message("fcp.secagg.AdvertiseKeys")
PairOfPublicKeys = _pool.message("fcp.secagg.PairOfPublicKeys")
ShareKeysRequest = _pool.message("fcp.secagg.ShareKeysRequest")
ShareKeysResponse = _pool.message("fcp.secagg.ShareKeysResponse")
PairOfKeyShares = _pool.message("fcp.secagg.PairOfKeyShares")
MaskedInputCollectionRequest = _pool.message("fcp.secagg.MaskedInputCollectionRequest")
MaskedInputCollectionResponse = _pool.message("fcp.secagg.MaskedInputCollectionResponse")
MaskedInputVector = _pool.message("fcp.secagg.MaskedInputVector")
UnmaskingRequest = _pool.message("fcp.secagg.UnmaskingRequest")
UnmaskingResponse = _pool.message("fcp.secagg.UnmaskingResponse")
NoiseOrPrfKeyShare = _pool.message("fcp.secagg.NoiseOrPrfKeyShare")
ClientVariant = _pool.enum("fcp.secagg.ClientVariant")
SECAGG_CLIENT_VARIANT_NONE = ClientVariant.Value("SECAGG_CLIENT_VARIANT_NONE")
SECAGG_CLIENT_VARIANT_JAVA = ClientVariant.Value("SECAGG_CLIENT_VARIANT_JAVA")
SECAGG_CLIENT_VARIANT_NATIVE_V1 = ClientVariant.Value("SECAGG_CLIENT_VARIANT_NATIVE_V1")
