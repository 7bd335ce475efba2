# Made from proto/fcp/protos/plan.proto by tools/protos.py. Not to be edited.
from google.protobuf import any_pb2 as _any_pb2
from ame.protocol.pb import tensor as _tensor_pb2
from ame.protocol.pb import types as _types_pb2
from ame.protocol.pb import saver as _saver_pb2
from ame.protocol.pb import struct as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CheckpointOp(_message.Message):
    __slots__ = ("saver_def", "before_restore_op", "after_restore_op", "before_save_op", "after_save_op", "side_channel_tensors", "session_token_tensor_name")
    class SideChannelTensorsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: SideChannel
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[SideChannel, _Mapping]] = ...) -> None: ...
    SAVER_DEF_FIELD_NUMBER: _ClassVar[int]
    BEFORE_RESTORE_OP_FIELD_NUMBER: _ClassVar[int]
    AFTER_RESTORE_OP_FIELD_NUMBER: _ClassVar[int]
    BEFORE_SAVE_OP_FIELD_NUMBER: _ClassVar[int]
    AFTER_SAVE_OP_FIELD_NUMBER: _ClassVar[int]
    SIDE_CHANNEL_TENSORS_FIELD_NUMBER: _ClassVar[int]
    SESSION_TOKEN_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    saver_def: _saver_pb2.SaverDef
    before_restore_op: str
    after_restore_op: str
    before_save_op: str
    after_save_op: str
    side_channel_tensors: _containers.MessageMap[str, SideChannel]
    session_token_tensor_name: str
    def __init__(self, saver_def: _Optional[_Union[_saver_pb2.SaverDef, _Mapping]] = ..., before_restore_op: _Optional[str] = ..., after_restore_op: _Optional[str] = ..., before_save_op: _Optional[str] = ..., after_save_op: _Optional[str] = ..., side_channel_tensors: _Optional[_Mapping[str, SideChannel]] = ..., session_token_tensor_name: _Optional[str] = ...) -> None: ...

class SideChannel(_message.Message):
    __slots__ = ("secure_aggregand", "restore_name")
    class SecureAggregand(_message.Message):
        __slots__ = ("dimension", "dtype", "quantized_input_bitwidth", "fixed_modulus", "modulus_times_shard_size")
        class Dimension(_message.Message):
            __slots__ = ("size",)
            SIZE_FIELD_NUMBER: _ClassVar[int]
            size: int
            def __init__(self, size: _Optional[int] = ...) -> None: ...
        class FixedModulus(_message.Message):
            __slots__ = ("modulus",)
            MODULUS_FIELD_NUMBER: _ClassVar[int]
            modulus: int
            def __init__(self, modulus: _Optional[int] = ...) -> None: ...
        class ModulusTimesShardSize(_message.Message):
            __slots__ = ("base_modulus",)
            BASE_MODULUS_FIELD_NUMBER: _ClassVar[int]
            base_modulus: int
            def __init__(self, base_modulus: _Optional[int] = ...) -> None: ...
        DIMENSION_FIELD_NUMBER: _ClassVar[int]
        DTYPE_FIELD_NUMBER: _ClassVar[int]
        QUANTIZED_INPUT_BITWIDTH_FIELD_NUMBER: _ClassVar[int]
        FIXED_MODULUS_FIELD_NUMBER: _ClassVar[int]
        MODULUS_TIMES_SHARD_SIZE_FIELD_NUMBER: _ClassVar[int]
        dimension: _containers.RepeatedCompositeFieldContainer[SideChannel.SecureAggregand.Dimension]
        dtype: _types_pb2.DataType
        quantized_input_bitwidth: int
        fixed_modulus: SideChannel.SecureAggregand.FixedModulus
        modulus_times_shard_size: SideChannel.SecureAggregand.ModulusTimesShardSize
        def __init__(self, dimension: _Optional[_Iterable[_Union[SideChannel.SecureAggregand.Dimension, _Mapping]]] = ..., dtype: _Optional[_Union[_types_pb2.DataType, str]] = ..., quantized_input_bitwidth: _Optional[int] = ..., fixed_modulus: _Optional[_Union[SideChannel.SecureAggregand.FixedModulus, _Mapping]] = ..., modulus_times_shard_size: _Optional[_Union[SideChannel.SecureAggregand.ModulusTimesShardSize, _Mapping]] = ...) -> None: ...
    SECURE_AGGREGAND_FIELD_NUMBER: _ClassVar[int]
    RESTORE_NAME_FIELD_NUMBER: _ClassVar[int]
    secure_aggregand: SideChannel.SecureAggregand
    restore_name: str
    def __init__(self, secure_aggregand: _Optional[_Union[SideChannel.SecureAggregand, _Mapping]] = ..., restore_name: _Optional[str] = ...) -> None: ...

class Metric(_message.Message):
    __slots__ = ("variable_name", "stat_name", "weight_name")
    VARIABLE_NAME_FIELD_NUMBER: _ClassVar[int]
    STAT_NAME_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_NAME_FIELD_NUMBER: _ClassVar[int]
    variable_name: str
    stat_name: str
    weight_name: str
    def __init__(self, variable_name: _Optional[str] = ..., stat_name: _Optional[str] = ..., weight_name: _Optional[str] = ...) -> None: ...

class OutputMetric(_message.Message):
    __slots__ = ("name", "sum", "average", "none", "only_sample", "auto_plot", "plot_spec")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SUM_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_FIELD_NUMBER: _ClassVar[int]
    NONE_FIELD_NUMBER: _ClassVar[int]
    ONLY_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    AUTO_PLOT_FIELD_NUMBER: _ClassVar[int]
    PLOT_SPEC_FIELD_NUMBER: _ClassVar[int]
    name: str
    sum: SumOptions
    average: AverageOptions
    none: NoneOptions
    only_sample: OnlySampleOptions
    auto_plot: bool
    plot_spec: VisualizationSpec
    def __init__(self, name: _Optional[str] = ..., sum: _Optional[_Union[SumOptions, _Mapping]] = ..., average: _Optional[_Union[AverageOptions, _Mapping]] = ..., none: _Optional[_Union[NoneOptions, _Mapping]] = ..., only_sample: _Optional[_Union[OnlySampleOptions, _Mapping]] = ..., auto_plot: bool = ..., plot_spec: _Optional[_Union[VisualizationSpec, _Mapping]] = ...) -> None: ...

class VisualizationSpec(_message.Message):
    __slots__ = ("plot_type", "x_axis", "plot_on_population_dashboard")
    class VisualizationType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        NONE: _ClassVar[VisualizationSpec.VisualizationType]
        DEFAULT_PLOT_FOR_TASK_TYPE: _ClassVar[VisualizationSpec.VisualizationType]
        LINE_PLOT: _ClassVar[VisualizationSpec.VisualizationType]
        LINE_PLOT_WITH_PERCENTILES: _ClassVar[VisualizationSpec.VisualizationType]
        HISTOGRAM: _ClassVar[VisualizationSpec.VisualizationType]
    NONE: VisualizationSpec.VisualizationType
    DEFAULT_PLOT_FOR_TASK_TYPE: VisualizationSpec.VisualizationType
    LINE_PLOT: VisualizationSpec.VisualizationType
    LINE_PLOT_WITH_PERCENTILES: VisualizationSpec.VisualizationType
    HISTOGRAM: VisualizationSpec.VisualizationType
    PLOT_TYPE_FIELD_NUMBER: _ClassVar[int]
    X_AXIS_FIELD_NUMBER: _ClassVar[int]
    PLOT_ON_POPULATION_DASHBOARD_FIELD_NUMBER: _ClassVar[int]
    plot_type: VisualizationSpec.VisualizationType
    x_axis: str
    plot_on_population_dashboard: bool
    def __init__(self, plot_type: _Optional[_Union[VisualizationSpec.VisualizationType, str]] = ..., x_axis: _Optional[str] = ..., plot_on_population_dashboard: bool = ...) -> None: ...

class SumOptions(_message.Message):
    __slots__ = ("stat_name", "include_cumulative_sum", "include_client_samples")
    STAT_NAME_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_CUMULATIVE_SUM_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_CLIENT_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    stat_name: str
    include_cumulative_sum: bool
    include_client_samples: bool
    def __init__(self, stat_name: _Optional[str] = ..., include_cumulative_sum: bool = ..., include_client_samples: bool = ...) -> None: ...

class AverageOptions(_message.Message):
    __slots__ = ("numerator_stat_name", "denominator_stat_name", "average_stat_name", "include_client_samples")
    NUMERATOR_STAT_NAME_FIELD_NUMBER: _ClassVar[int]
    DENOMINATOR_STAT_NAME_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_STAT_NAME_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_CLIENT_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    numerator_stat_name: str
    denominator_stat_name: str
    average_stat_name: str
    include_client_samples: bool
    def __init__(self, numerator_stat_name: _Optional[str] = ..., denominator_stat_name: _Optional[str] = ..., average_stat_name: _Optional[str] = ..., include_client_samples: bool = ...) -> None: ...

class NoneOptions(_message.Message):
    __slots__ = ("stat_name",)
    STAT_NAME_FIELD_NUMBER: _ClassVar[int]
    stat_name: str
    def __init__(self, stat_name: _Optional[str] = ...) -> None: ...

class OnlySampleOptions(_message.Message):
    __slots__ = ("stat_name",)
    STAT_NAME_FIELD_NUMBER: _ClassVar[int]
    stat_name: str
    def __init__(self, stat_name: _Optional[str] = ...) -> None: ...

class Dataset(_message.Message):
    __slots__ = ("client_data",)
    class ClientDataset(_message.Message):
        __slots__ = ("client_id", "example", "selected_example")
        class SelectedExample(_message.Message):
            __slots__ = ("selector", "example")
            SELECTOR_FIELD_NUMBER: _ClassVar[int]
            EXAMPLE_FIELD_NUMBER: _ClassVar[int]
            selector: ExampleSelector
            example: _containers.RepeatedScalarFieldContainer[bytes]
            def __init__(self, selector: _Optional[_Union[ExampleSelector, _Mapping]] = ..., example: _Optional[_Iterable[bytes]] = ...) -> None: ...
        CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
        EXAMPLE_FIELD_NUMBER: _ClassVar[int]
        SELECTED_EXAMPLE_FIELD_NUMBER: _ClassVar[int]
        client_id: str
        example: _containers.RepeatedScalarFieldContainer[bytes]
        selected_example: _containers.RepeatedCompositeFieldContainer[Dataset.ClientDataset.SelectedExample]
        def __init__(self, client_id: _Optional[str] = ..., example: _Optional[_Iterable[bytes]] = ..., selected_example: _Optional[_Iterable[_Union[Dataset.ClientDataset.SelectedExample, _Mapping]]] = ...) -> None: ...
    CLIENT_DATA_FIELD_NUMBER: _ClassVar[int]
    client_data: _containers.RepeatedCompositeFieldContainer[Dataset.ClientDataset]
    def __init__(self, client_data: _Optional[_Iterable[_Union[Dataset.ClientDataset, _Mapping]]] = ...) -> None: ...

class MetricTestPredicates(_message.Message):
    __slots__ = ("metric_criterion",)
    class Interval(_message.Message):
        __slots__ = ("lower_bound", "upper_bound")
        LOWER_BOUND_FIELD_NUMBER: _ClassVar[int]
        UPPER_BOUND_FIELD_NUMBER: _ClassVar[int]
        lower_bound: float
        upper_bound: float
        def __init__(self, lower_bound: _Optional[float] = ..., upper_bound: _Optional[float] = ...) -> None: ...
    class RealIfNonzeroWeight(_message.Message):
        __slots__ = ("weight_name",)
        WEIGHT_NAME_FIELD_NUMBER: _ClassVar[int]
        weight_name: str
        def __init__(self, weight_name: _Optional[str] = ...) -> None: ...
    class MetricCriterion(_message.Message):
        __slots__ = ("name", "training_round_index", "lt", "gt", "le", "ge", "eq", "interval", "real", "real_if_nonzero_weight")
        NAME_FIELD_NUMBER: _ClassVar[int]
        TRAINING_ROUND_INDEX_FIELD_NUMBER: _ClassVar[int]
        LT_FIELD_NUMBER: _ClassVar[int]
        GT_FIELD_NUMBER: _ClassVar[int]
        LE_FIELD_NUMBER: _ClassVar[int]
        GE_FIELD_NUMBER: _ClassVar[int]
        EQ_FIELD_NUMBER: _ClassVar[int]
        INTERVAL_FIELD_NUMBER: _ClassVar[int]
        REAL_FIELD_NUMBER: _ClassVar[int]
        REAL_IF_NONZERO_WEIGHT_FIELD_NUMBER: _ClassVar[int]
        name: str
        training_round_index: int
        lt: float
        gt: float
        le: float
        ge: float
        eq: float
        interval: MetricTestPredicates.Interval
        real: bool
        real_if_nonzero_weight: MetricTestPredicates.RealIfNonzeroWeight
        def __init__(self, name: _Optional[str] = ..., training_round_index: _Optional[int] = ..., lt: _Optional[float] = ..., gt: _Optional[float] = ..., le: _Optional[float] = ..., ge: _Optional[float] = ..., eq: _Optional[float] = ..., interval: _Optional[_Union[MetricTestPredicates.Interval, _Mapping]] = ..., real: bool = ..., real_if_nonzero_weight: _Optional[_Union[MetricTestPredicates.RealIfNonzeroWeight, _Mapping]] = ...) -> None: ...
    METRIC_CRITERION_FIELD_NUMBER: _ClassVar[int]
    metric_criterion: _containers.RepeatedCompositeFieldContainer[MetricTestPredicates.MetricCriterion]
    def __init__(self, metric_criterion: _Optional[_Iterable[_Union[MetricTestPredicates.MetricCriterion, _Mapping]]] = ...) -> None: ...

class ClientPhase(_message.Message):
    __slots__ = ("tensorflow_spec", "example_query_spec", "federated_compute", "local_compute", "federated_compute_eligibility", "federated_example_query")
    TENSORFLOW_SPEC_FIELD_NUMBER: _ClassVar[int]
    EXAMPLE_QUERY_SPEC_FIELD_NUMBER: _ClassVar[int]
    FEDERATED_COMPUTE_FIELD_NUMBER: _ClassVar[int]
    LOCAL_COMPUTE_FIELD_NUMBER: _ClassVar[int]
    FEDERATED_COMPUTE_ELIGIBILITY_FIELD_NUMBER: _ClassVar[int]
    FEDERATED_EXAMPLE_QUERY_FIELD_NUMBER: _ClassVar[int]
    tensorflow_spec: TensorflowSpec
    example_query_spec: ExampleQuerySpec
    federated_compute: FederatedComputeIORouter
    local_compute: LocalComputeIORouter
    federated_compute_eligibility: FederatedComputeEligibilityIORouter
    federated_example_query: FederatedExampleQueryIORouter
    def __init__(self, tensorflow_spec: _Optional[_Union[TensorflowSpec, _Mapping]] = ..., example_query_spec: _Optional[_Union[ExampleQuerySpec, _Mapping]] = ..., federated_compute: _Optional[_Union[FederatedComputeIORouter, _Mapping]] = ..., local_compute: _Optional[_Union[LocalComputeIORouter, _Mapping]] = ..., federated_compute_eligibility: _Optional[_Union[FederatedComputeEligibilityIORouter, _Mapping]] = ..., federated_example_query: _Optional[_Union[FederatedExampleQueryIORouter, _Mapping]] = ...) -> None: ...

class TensorflowSpec(_message.Message):
    __slots__ = ("dataset_token_tensor_name", "input_tensor_specs", "output_tensor_specs", "target_node_names", "constant_inputs", "example_selector")
    class ConstantInputsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tensor_pb2.TensorProto
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.TensorProto, _Mapping]] = ...) -> None: ...
    DATASET_TOKEN_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    INPUT_TENSOR_SPECS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TENSOR_SPECS_FIELD_NUMBER: _ClassVar[int]
    TARGET_NODE_NAMES_FIELD_NUMBER: _ClassVar[int]
    CONSTANT_INPUTS_FIELD_NUMBER: _ClassVar[int]
    EXAMPLE_SELECTOR_FIELD_NUMBER: _ClassVar[int]
    dataset_token_tensor_name: str
    input_tensor_specs: _containers.RepeatedCompositeFieldContainer[_struct_pb2.TensorSpecProto]
    output_tensor_specs: _containers.RepeatedCompositeFieldContainer[_struct_pb2.TensorSpecProto]
    target_node_names: _containers.RepeatedScalarFieldContainer[str]
    constant_inputs: _containers.MessageMap[str, _tensor_pb2.TensorProto]
    example_selector: ExampleSelector
    def __init__(self, dataset_token_tensor_name: _Optional[str] = ..., input_tensor_specs: _Optional[_Iterable[_Union[_struct_pb2.TensorSpecProto, _Mapping]]] = ..., output_tensor_specs: _Optional[_Iterable[_Union[_struct_pb2.TensorSpecProto, _Mapping]]] = ..., target_node_names: _Optional[_Iterable[str]] = ..., constant_inputs: _Optional[_Mapping[str, _tensor_pb2.TensorProto]] = ..., example_selector: _Optional[_Union[ExampleSelector, _Mapping]] = ...) -> None: ...

class ExampleQuerySpec(_message.Message):
    __slots__ = ("example_queries",)
    class OutputVectorSpec(_message.Message):
        __slots__ = ("vector_name", "data_type")
        class DataType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = ()
            UNSPECIFIED: _ClassVar[ExampleQuerySpec.OutputVectorSpec.DataType]
            INT32: _ClassVar[ExampleQuerySpec.OutputVectorSpec.DataType]
            INT64: _ClassVar[ExampleQuerySpec.OutputVectorSpec.DataType]
            BOOL: _ClassVar[ExampleQuerySpec.OutputVectorSpec.DataType]
            FLOAT: _ClassVar[ExampleQuerySpec.OutputVectorSpec.DataType]
            DOUBLE: _ClassVar[ExampleQuerySpec.OutputVectorSpec.DataType]
            BYTES: _ClassVar[ExampleQuerySpec.OutputVectorSpec.DataType]
            STRING: _ClassVar[ExampleQuerySpec.OutputVectorSpec.DataType]
        UNSPECIFIED: ExampleQuerySpec.OutputVectorSpec.DataType
        INT32: ExampleQuerySpec.OutputVectorSpec.DataType
        INT64: ExampleQuerySpec.OutputVectorSpec.DataType
        BOOL: ExampleQuerySpec.OutputVectorSpec.DataType
        FLOAT: ExampleQuerySpec.OutputVectorSpec.DataType
        DOUBLE: ExampleQuerySpec.OutputVectorSpec.DataType
        BYTES: ExampleQuerySpec.OutputVectorSpec.DataType
        STRING: ExampleQuerySpec.OutputVectorSpec.DataType
        VECTOR_NAME_FIELD_NUMBER: _ClassVar[int]
        DATA_TYPE_FIELD_NUMBER: _ClassVar[int]
        vector_name: str
        data_type: ExampleQuerySpec.OutputVectorSpec.DataType
        def __init__(self, vector_name: _Optional[str] = ..., data_type: _Optional[_Union[ExampleQuerySpec.OutputVectorSpec.DataType, str]] = ...) -> None: ...
    class ExampleQuery(_message.Message):
        __slots__ = ("example_selector", "output_vector_specs")
        class OutputVectorSpecsEntry(_message.Message):
            __slots__ = ("key", "value")
            KEY_FIELD_NUMBER: _ClassVar[int]
            VALUE_FIELD_NUMBER: _ClassVar[int]
            key: str
            value: ExampleQuerySpec.OutputVectorSpec
            def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[ExampleQuerySpec.OutputVectorSpec, _Mapping]] = ...) -> None: ...
        EXAMPLE_SELECTOR_FIELD_NUMBER: _ClassVar[int]
        OUTPUT_VECTOR_SPECS_FIELD_NUMBER: _ClassVar[int]
        example_selector: ExampleSelector
        output_vector_specs: _containers.MessageMap[str, ExampleQuerySpec.OutputVectorSpec]
        def __init__(self, example_selector: _Optional[_Union[ExampleSelector, _Mapping]] = ..., output_vector_specs: _Optional[_Mapping[str, ExampleQuerySpec.OutputVectorSpec]] = ...) -> None: ...
    EXAMPLE_QUERIES_FIELD_NUMBER: _ClassVar[int]
    example_queries: _containers.RepeatedCompositeFieldContainer[ExampleQuerySpec.ExampleQuery]
    def __init__(self, example_queries: _Optional[_Iterable[_Union[ExampleQuerySpec.ExampleQuery, _Mapping]]] = ...) -> None: ...

class FederatedComputeIORouter(_message.Message):
    __slots__ = ("input_filepath_tensor_name", "output_filepath_tensor_name", "aggregations")
    class AggregationsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: AggregationConfig
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[AggregationConfig, _Mapping]] = ...) -> None: ...
    INPUT_FILEPATH_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FILEPATH_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    AGGREGATIONS_FIELD_NUMBER: _ClassVar[int]
    input_filepath_tensor_name: str
    output_filepath_tensor_name: str
    aggregations: _containers.MessageMap[str, AggregationConfig]
    def __init__(self, input_filepath_tensor_name: _Optional[str] = ..., output_filepath_tensor_name: _Optional[str] = ..., aggregations: _Optional[_Mapping[str, AggregationConfig]] = ...) -> None: ...

class FederatedExampleQueryIORouter(_message.Message):
    __slots__ = ("aggregations",)
    class AggregationsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: AggregationConfig
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[AggregationConfig, _Mapping]] = ...) -> None: ...
    AGGREGATIONS_FIELD_NUMBER: _ClassVar[int]
    aggregations: _containers.MessageMap[str, AggregationConfig]
    def __init__(self, aggregations: _Optional[_Mapping[str, AggregationConfig]] = ...) -> None: ...

class AggregationConfig(_message.Message):
    __slots__ = ("secure_aggregation", "tf_v1_checkpoint_aggregation")
    SECURE_AGGREGATION_FIELD_NUMBER: _ClassVar[int]
    TF_V1_CHECKPOINT_AGGREGATION_FIELD_NUMBER: _ClassVar[int]
    secure_aggregation: SecureAggregationConfig
    tf_v1_checkpoint_aggregation: TFV1CheckpointAggregation
    def __init__(self, secure_aggregation: _Optional[_Union[SecureAggregationConfig, _Mapping]] = ..., tf_v1_checkpoint_aggregation: _Optional[_Union[TFV1CheckpointAggregation, _Mapping]] = ...) -> None: ...

class SecureAggregationConfig(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TFV1CheckpointAggregation(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class FederatedComputeEligibilityIORouter(_message.Message):
    __slots__ = ("input_filepath_tensor_name", "task_eligibility_info_tensor_name")
    INPUT_FILEPATH_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    TASK_ELIGIBILITY_INFO_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    input_filepath_tensor_name: str
    task_eligibility_info_tensor_name: str
    def __init__(self, input_filepath_tensor_name: _Optional[str] = ..., task_eligibility_info_tensor_name: _Optional[str] = ...) -> None: ...

class LocalComputeIORouter(_message.Message):
    __slots__ = ("input_dir_tensor_name", "multiple_input_resources", "output_dir_tensor_name")
    INPUT_DIR_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    MULTIPLE_INPUT_RESOURCES_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_DIR_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    input_dir_tensor_name: str
    multiple_input_resources: MultipleInputResources
    output_dir_tensor_name: str
    def __init__(self, input_dir_tensor_name: _Optional[str] = ..., multiple_input_resources: _Optional[_Union[MultipleInputResources, _Mapping]] = ..., output_dir_tensor_name: _Optional[str] = ...) -> None: ...

class MultipleInputResources(_message.Message):
    __slots__ = ("input_resource_tensor_name_map",)
    class InputResourceTensorNameMapEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    INPUT_RESOURCE_TENSOR_NAME_MAP_FIELD_NUMBER: _ClassVar[int]
    input_resource_tensor_name_map: _containers.ScalarMap[str, str]
    def __init__(self, input_resource_tensor_name_map: _Optional[_Mapping[str, str]] = ...) -> None: ...

class AsyncInputFeed(_message.Message):
    __slots__ = ("enqueue_op", "enqueue_params", "close_op", "feed_values_are_data")
    ENQUEUE_OP_FIELD_NUMBER: _ClassVar[int]
    ENQUEUE_PARAMS_FIELD_NUMBER: _ClassVar[int]
    CLOSE_OP_FIELD_NUMBER: _ClassVar[int]
    FEED_VALUES_ARE_DATA_FIELD_NUMBER: _ClassVar[int]
    enqueue_op: str
    enqueue_params: _containers.RepeatedScalarFieldContainer[str]
    close_op: str
    feed_values_are_data: bool
    def __init__(self, enqueue_op: _Optional[str] = ..., enqueue_params: _Optional[_Iterable[str]] = ..., close_op: _Optional[str] = ..., feed_values_are_data: bool = ...) -> None: ...

class DatasetInput(_message.Message):
    __slots__ = ("initializer", "placeholders", "batch_size")
    INITIALIZER_FIELD_NUMBER: _ClassVar[int]
    PLACEHOLDERS_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    initializer: str
    placeholders: DatasetInputPlaceholders
    batch_size: int
    def __init__(self, initializer: _Optional[str] = ..., placeholders: _Optional[_Union[DatasetInputPlaceholders, _Mapping]] = ..., batch_size: _Optional[int] = ...) -> None: ...

class DatasetInputPlaceholders(_message.Message):
    __slots__ = ("filename", "key_prefix", "num_epochs", "batch_size")
    FILENAME_FIELD_NUMBER: _ClassVar[int]
    KEY_PREFIX_FIELD_NUMBER: _ClassVar[int]
    NUM_EPOCHS_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    filename: str
    key_prefix: str
    num_epochs: str
    batch_size: str
    def __init__(self, filename: _Optional[str] = ..., key_prefix: _Optional[str] = ..., num_epochs: _Optional[str] = ..., batch_size: _Optional[str] = ...) -> None: ...

class ExampleSelector(_message.Message):
    __slots__ = ("criteria", "collection_uri", "resumption_token")
    CRITERIA_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_URI_FIELD_NUMBER: _ClassVar[int]
    RESUMPTION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    criteria: _any_pb2.Any
    collection_uri: str
    resumption_token: _any_pb2.Any
    def __init__(self, criteria: _Optional[_Union[_any_pb2.Any, _Mapping]] = ..., collection_uri: _Optional[str] = ..., resumption_token: _Optional[_Union[_any_pb2.Any, _Mapping]] = ...) -> None: ...

class SlicesSelector(_message.Message):
    __slots__ = ("served_at_id", "keys")
    SERVED_AT_ID_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    served_at_id: str
    keys: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, served_at_id: _Optional[str] = ..., keys: _Optional[_Iterable[int]] = ...) -> None: ...

class SlicesTestDataset(_message.Message):
    __slots__ = ("dataset",)
    class DatasetEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: SlicesTestData
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[SlicesTestData, _Mapping]] = ...) -> None: ...
    DATASET_FIELD_NUMBER: _ClassVar[int]
    dataset: _containers.MessageMap[str, SlicesTestData]
    def __init__(self, dataset: _Optional[_Mapping[str, SlicesTestData]] = ...) -> None: ...

class SlicesTestData(_message.Message):
    __slots__ = ("slice_data",)
    SLICE_DATA_FIELD_NUMBER: _ClassVar[int]
    slice_data: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, slice_data: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ServerPhaseV2(_message.Message):
    __slots__ = ("name", "tensorflow_spec_prepare", "prepare_router", "aggregations", "tensorflow_spec_result", "result_router")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TENSORFLOW_SPEC_PREPARE_FIELD_NUMBER: _ClassVar[int]
    PREPARE_ROUTER_FIELD_NUMBER: _ClassVar[int]
    AGGREGATIONS_FIELD_NUMBER: _ClassVar[int]
    TENSORFLOW_SPEC_RESULT_FIELD_NUMBER: _ClassVar[int]
    RESULT_ROUTER_FIELD_NUMBER: _ClassVar[int]
    name: str
    tensorflow_spec_prepare: TensorflowSpec
    prepare_router: ServerPrepareIORouter
    aggregations: _containers.RepeatedCompositeFieldContainer[ServerAggregationConfig]
    tensorflow_spec_result: TensorflowSpec
    result_router: ServerResultIORouter
    def __init__(self, name: _Optional[str] = ..., tensorflow_spec_prepare: _Optional[_Union[TensorflowSpec, _Mapping]] = ..., prepare_router: _Optional[_Union[ServerPrepareIORouter, _Mapping]] = ..., aggregations: _Optional[_Iterable[_Union[ServerAggregationConfig, _Mapping]]] = ..., tensorflow_spec_result: _Optional[_Union[TensorflowSpec, _Mapping]] = ..., result_router: _Optional[_Union[ServerResultIORouter, _Mapping]] = ...) -> None: ...

class ServerPrepareIORouter(_message.Message):
    __slots__ = ("prepare_server_state_input_filepath_tensor_name", "prepare_output_filepath_tensor_name", "prepare_intermediate_state_output_filepath_tensor_name")
    PREPARE_SERVER_STATE_INPUT_FILEPATH_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    PREPARE_OUTPUT_FILEPATH_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    PREPARE_INTERMEDIATE_STATE_OUTPUT_FILEPATH_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    prepare_server_state_input_filepath_tensor_name: str
    prepare_output_filepath_tensor_name: str
    prepare_intermediate_state_output_filepath_tensor_name: str
    def __init__(self, prepare_server_state_input_filepath_tensor_name: _Optional[str] = ..., prepare_output_filepath_tensor_name: _Optional[str] = ..., prepare_intermediate_state_output_filepath_tensor_name: _Optional[str] = ...) -> None: ...

class ServerResultIORouter(_message.Message):
    __slots__ = ("result_intermediate_state_input_filepath_tensor_name", "result_aggregate_result_input_filepath_tensor_name", "result_server_state_output_filepath_tensor_name")
    RESULT_INTERMEDIATE_STATE_INPUT_FILEPATH_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    RESULT_AGGREGATE_RESULT_INPUT_FILEPATH_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    RESULT_SERVER_STATE_OUTPUT_FILEPATH_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    result_intermediate_state_input_filepath_tensor_name: str
    result_aggregate_result_input_filepath_tensor_name: str
    result_server_state_output_filepath_tensor_name: str
    def __init__(self, result_intermediate_state_input_filepath_tensor_name: _Optional[str] = ..., result_aggregate_result_input_filepath_tensor_name: _Optional[str] = ..., result_server_state_output_filepath_tensor_name: _Optional[str] = ...) -> None: ...

class ServerAggregationConfig(_message.Message):
    __slots__ = ("intrinsic_uri", "intrinsic_args", "output_tensors", "inner_aggregations")
    class IntrinsicArg(_message.Message):
        __slots__ = ("input_tensor", "state_tensor")
        INPUT_TENSOR_FIELD_NUMBER: _ClassVar[int]
        STATE_TENSOR_FIELD_NUMBER: _ClassVar[int]
        input_tensor: _struct_pb2.TensorSpecProto
        state_tensor: _struct_pb2.TensorSpecProto
        def __init__(self, input_tensor: _Optional[_Union[_struct_pb2.TensorSpecProto, _Mapping]] = ..., state_tensor: _Optional[_Union[_struct_pb2.TensorSpecProto, _Mapping]] = ...) -> None: ...
    INTRINSIC_URI_FIELD_NUMBER: _ClassVar[int]
    INTRINSIC_ARGS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TENSORS_FIELD_NUMBER: _ClassVar[int]
    INNER_AGGREGATIONS_FIELD_NUMBER: _ClassVar[int]
    intrinsic_uri: str
    intrinsic_args: _containers.RepeatedCompositeFieldContainer[ServerAggregationConfig.IntrinsicArg]
    output_tensors: _containers.RepeatedCompositeFieldContainer[_struct_pb2.TensorSpecProto]
    inner_aggregations: _containers.RepeatedCompositeFieldContainer[ServerAggregationConfig]
    def __init__(self, intrinsic_uri: _Optional[str] = ..., intrinsic_args: _Optional[_Iterable[_Union[ServerAggregationConfig.IntrinsicArg, _Mapping]]] = ..., output_tensors: _Optional[_Iterable[_Union[_struct_pb2.TensorSpecProto, _Mapping]]] = ..., inner_aggregations: _Optional[_Iterable[_Union[ServerAggregationConfig, _Mapping]]] = ...) -> None: ...

class ServerPhase(_message.Message):
    __slots__ = ("name", "phase_init_op", "read_update", "aggregate_into_accumulators_op", "read_aggregated_update", "write_intermediate_update", "write_client_init", "read_intermediate_update", "intermediate_aggregate_into_accumulators_op", "write_accumulators", "apply_aggregrated_updates_op", "metrics")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PHASE_INIT_OP_FIELD_NUMBER: _ClassVar[int]
    READ_UPDATE_FIELD_NUMBER: _ClassVar[int]
    AGGREGATE_INTO_ACCUMULATORS_OP_FIELD_NUMBER: _ClassVar[int]
    READ_AGGREGATED_UPDATE_FIELD_NUMBER: _ClassVar[int]
    WRITE_INTERMEDIATE_UPDATE_FIELD_NUMBER: _ClassVar[int]
    WRITE_CLIENT_INIT_FIELD_NUMBER: _ClassVar[int]
    READ_INTERMEDIATE_UPDATE_FIELD_NUMBER: _ClassVar[int]
    INTERMEDIATE_AGGREGATE_INTO_ACCUMULATORS_OP_FIELD_NUMBER: _ClassVar[int]
    WRITE_ACCUMULATORS_FIELD_NUMBER: _ClassVar[int]
    APPLY_AGGREGRATED_UPDATES_OP_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    name: str
    phase_init_op: str
    read_update: CheckpointOp
    aggregate_into_accumulators_op: str
    read_aggregated_update: CheckpointOp
    write_intermediate_update: CheckpointOp
    write_client_init: CheckpointOp
    read_intermediate_update: CheckpointOp
    intermediate_aggregate_into_accumulators_op: str
    write_accumulators: CheckpointOp
    apply_aggregrated_updates_op: str
    metrics: _containers.RepeatedCompositeFieldContainer[Metric]
    def __init__(self, name: _Optional[str] = ..., phase_init_op: _Optional[str] = ..., read_update: _Optional[_Union[CheckpointOp, _Mapping]] = ..., aggregate_into_accumulators_op: _Optional[str] = ..., read_aggregated_update: _Optional[_Union[CheckpointOp, _Mapping]] = ..., write_intermediate_update: _Optional[_Union[CheckpointOp, _Mapping]] = ..., write_client_init: _Optional[_Union[CheckpointOp, _Mapping]] = ..., read_intermediate_update: _Optional[_Union[CheckpointOp, _Mapping]] = ..., intermediate_aggregate_into_accumulators_op: _Optional[str] = ..., write_accumulators: _Optional[_Union[CheckpointOp, _Mapping]] = ..., apply_aggregrated_updates_op: _Optional[str] = ..., metrics: _Optional[_Iterable[_Union[Metric, _Mapping]]] = ...) -> None: ...

class ServerEligibilityComputationPhase(_message.Message):
    __slots__ = ("name", "target_node_names", "task_eligibility")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TARGET_NODE_NAMES_FIELD_NUMBER: _ClassVar[int]
    TASK_ELIGIBILITY_FIELD_NUMBER: _ClassVar[int]
    name: str
    target_node_names: _containers.RepeatedScalarFieldContainer[str]
    task_eligibility: TEContextServerEligibilityIORouter
    def __init__(self, name: _Optional[str] = ..., target_node_names: _Optional[_Iterable[str]] = ..., task_eligibility: _Optional[_Union[TEContextServerEligibilityIORouter, _Mapping]] = ...) -> None: ...

class TEContextServerEligibilityIORouter(_message.Message):
    __slots__ = ("context_proto_input_tensor_name", "output_filepath_tensor_name")
    CONTEXT_PROTO_INPUT_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FILEPATH_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    context_proto_input_tensor_name: str
    output_filepath_tensor_name: str
    def __init__(self, context_proto_input_tensor_name: _Optional[str] = ..., output_filepath_tensor_name: _Optional[str] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("server_graph_bytes", "server_graph_prepare_bytes", "server_graph_result_bytes", "server_savepoint", "client_graph_bytes", "client_tflite_graph_bytes", "phase", "metrics", "output_metrics", "version", "tensorflow_config_proto")
    class Phase(_message.Message):
        __slots__ = ("client_phase", "server_phase", "server_phase_v2", "server_eligibility_phase")
        CLIENT_PHASE_FIELD_NUMBER: _ClassVar[int]
        SERVER_PHASE_FIELD_NUMBER: _ClassVar[int]
        SERVER_PHASE_V2_FIELD_NUMBER: _ClassVar[int]
        SERVER_ELIGIBILITY_PHASE_FIELD_NUMBER: _ClassVar[int]
        client_phase: ClientPhase
        server_phase: ServerPhase
        server_phase_v2: ServerPhaseV2
        server_eligibility_phase: ServerEligibilityComputationPhase
        def __init__(self, client_phase: _Optional[_Union[ClientPhase, _Mapping]] = ..., server_phase: _Optional[_Union[ServerPhase, _Mapping]] = ..., server_phase_v2: _Optional[_Union[ServerPhaseV2, _Mapping]] = ..., server_eligibility_phase: _Optional[_Union[ServerEligibilityComputationPhase, _Mapping]] = ...) -> None: ...
    SERVER_GRAPH_BYTES_FIELD_NUMBER: _ClassVar[int]
    SERVER_GRAPH_PREPARE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SERVER_GRAPH_RESULT_BYTES_FIELD_NUMBER: _ClassVar[int]
    SERVER_SAVEPOINT_FIELD_NUMBER: _ClassVar[int]
    CLIENT_GRAPH_BYTES_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TFLITE_GRAPH_BYTES_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_METRICS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TENSORFLOW_CONFIG_PROTO_FIELD_NUMBER: _ClassVar[int]
    server_graph_bytes: _any_pb2.Any
    server_graph_prepare_bytes: _any_pb2.Any
    server_graph_result_bytes: _any_pb2.Any
    server_savepoint: CheckpointOp
    client_graph_bytes: _any_pb2.Any
    client_tflite_graph_bytes: bytes
    phase: _containers.RepeatedCompositeFieldContainer[Plan.Phase]
    metrics: _containers.RepeatedCompositeFieldContainer[Metric]
    output_metrics: _containers.RepeatedCompositeFieldContainer[OutputMetric]
    version: int
    tensorflow_config_proto: _any_pb2.Any
    def __init__(self, server_graph_bytes: _Optional[_Union[_any_pb2.Any, _Mapping]] = ..., server_graph_prepare_bytes: _Optional[_Union[_any_pb2.Any, _Mapping]] = ..., server_graph_result_bytes: _Optional[_Union[_any_pb2.Any, _Mapping]] = ..., server_savepoint: _Optional[_Union[CheckpointOp, _Mapping]] = ..., client_graph_bytes: _Optional[_Union[_any_pb2.Any, _Mapping]] = ..., client_tflite_graph_bytes: _Optional[bytes] = ..., phase: _Optional[_Iterable[_Union[Plan.Phase, _Mapping]]] = ..., metrics: _Optional[_Iterable[_Union[Metric, _Mapping]]] = ..., output_metrics: _Optional[_Iterable[_Union[OutputMetric, _Mapping]]] = ..., version: _Optional[int] = ..., tensorflow_config_proto: _Optional[_Union[_any_pb2.Any, _Mapping]] = ...) -> None: ...

class ClientPersistedData(_message.Message):
    __slots__ = ("min_sep_policy_index",)
    MIN_SEP_POLICY_INDEX_FIELD_NUMBER: _ClassVar[int]
    min_sep_policy_index: int
    def __init__(self, min_sep_policy_index: _Optional[int] = ...) -> None: ...

class ClientOnlyPlan(_message.Message):
    __slots__ = ("graph", "tflite_graph", "phase", "tensorflow_config_proto", "client_persisted_data")
    GRAPH_FIELD_NUMBER: _ClassVar[int]
    TFLITE_GRAPH_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    TENSORFLOW_CONFIG_PROTO_FIELD_NUMBER: _ClassVar[int]
    CLIENT_PERSISTED_DATA_FIELD_NUMBER: _ClassVar[int]
    graph: bytes
    tflite_graph: bytes
    phase: ClientPhase
    tensorflow_config_proto: _any_pb2.Any
    client_persisted_data: ClientPersistedData
    def __init__(self, graph: _Optional[bytes] = ..., tflite_graph: _Optional[bytes] = ..., phase: _Optional[_Union[ClientPhase, _Mapping]] = ..., tensorflow_config_proto: _Optional[_Union[_any_pb2.Any, _Mapping]] = ..., client_persisted_data: _Optional[_Union[ClientPersistedData, _Mapping]] = ...) -> None: ...

class CrossRoundAggregationExecution(_message.Message):
    __slots__ = ("init_op", "read_aggregated_update", "merge_op", "read_write_final_accumulators", "measurements", "cross_round_aggregation_graph_bytes")
    INIT_OP_FIELD_NUMBER: _ClassVar[int]
    READ_AGGREGATED_UPDATE_FIELD_NUMBER: _ClassVar[int]
    MERGE_OP_FIELD_NUMBER: _ClassVar[int]
    READ_WRITE_FINAL_ACCUMULATORS_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    CROSS_ROUND_AGGREGATION_GRAPH_BYTES_FIELD_NUMBER: _ClassVar[int]
    init_op: str
    read_aggregated_update: CheckpointOp
    merge_op: str
    read_write_final_accumulators: CheckpointOp
    measurements: _containers.RepeatedCompositeFieldContainer[Measurement]
    cross_round_aggregation_graph_bytes: _any_pb2.Any
    def __init__(self, init_op: _Optional[str] = ..., read_aggregated_update: _Optional[_Union[CheckpointOp, _Mapping]] = ..., merge_op: _Optional[str] = ..., read_write_final_accumulators: _Optional[_Union[CheckpointOp, _Mapping]] = ..., measurements: _Optional[_Iterable[_Union[Measurement, _Mapping]]] = ..., cross_round_aggregation_graph_bytes: _Optional[_Union[_any_pb2.Any, _Mapping]] = ...) -> None: ...

class Measurement(_message.Message):
    __slots__ = ("read_op_name", "name", "tff_type")
    READ_OP_NAME_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TFF_TYPE_FIELD_NUMBER: _ClassVar[int]
    read_op_name: str
    name: str
    tff_type: bytes
    def __init__(self, read_op_name: _Optional[str] = ..., name: _Optional[str] = ..., tff_type: _Optional[bytes] = ...) -> None: ...
