// Original file: proto/dbmazz.proto

import type * as grpc from "@grpc/grpc-js"
import type { MethodDefinition } from "@grpc/proto-loader"
import type {
  MetricsRequest as _dbmazz_MetricsRequest,
  MetricsRequest__Output as _dbmazz_MetricsRequest__Output
} from "../dbmazz/MetricsRequest.ts"
import type {
  MetricsResponse as _dbmazz_MetricsResponse,
  MetricsResponse__Output as _dbmazz_MetricsResponse__Output
} from "../dbmazz/MetricsResponse.ts"

export interface CdcMetricsServiceClient extends grpc.Client {
  /**
   * One sample at once, then one every `interval_ms`, until the client goes away.
   */
  StreamMetrics(
    argument: _dbmazz_MetricsRequest,
    metadata: grpc.Metadata,
    options?: grpc.CallOptions
  ): grpc.ClientReadableStream<_dbmazz_MetricsResponse__Output>
  StreamMetrics(
    argument: _dbmazz_MetricsRequest,
    options?: grpc.CallOptions
  ): grpc.ClientReadableStream<_dbmazz_MetricsResponse__Output>
  /**
   * One sample at once, then one every `interval_ms`, until the client goes away.
   */
  streamMetrics(
    argument: _dbmazz_MetricsRequest,
    metadata: grpc.Metadata,
    options?: grpc.CallOptions
  ): grpc.ClientReadableStream<_dbmazz_MetricsResponse__Output>
  streamMetrics(
    argument: _dbmazz_MetricsRequest,
    options?: grpc.CallOptions
  ): grpc.ClientReadableStream<_dbmazz_MetricsResponse__Output>
}

export interface CdcMetricsServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * One sample at once, then one every `interval_ms`, until the client goes away.
   */
  StreamMetrics: grpc.handleServerStreamingCall<_dbmazz_MetricsRequest__Output, _dbmazz_MetricsResponse>
}

export interface CdcMetricsServiceDefinition extends grpc.ServiceDefinition {
  StreamMetrics: MethodDefinition<
    _dbmazz_MetricsRequest,
    _dbmazz_MetricsResponse,
    _dbmazz_MetricsRequest__Output,
    _dbmazz_MetricsResponse__Output
  >
}
