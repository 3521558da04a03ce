// Original file: proto/dbmazz.proto

import type * as grpc from "@grpc/grpc-js"
import type { MethodDefinition } from "@grpc/proto-loader"
import type {
  ControlResponse as _dbmazz_ControlResponse,
  ControlResponse__Output as _dbmazz_ControlResponse__Output
} from "../dbmazz/ControlResponse.ts"
import type {
  DrainRequest as _dbmazz_DrainRequest,
  DrainRequest__Output as _dbmazz_DrainRequest__Output
} from "../dbmazz/DrainRequest.ts"
import type {
  PauseRequest as _dbmazz_PauseRequest,
  PauseRequest__Output as _dbmazz_PauseRequest__Output
} from "../dbmazz/PauseRequest.ts"
import type {
  PauseSnapshotRequest as _dbmazz_PauseSnapshotRequest,
  PauseSnapshotRequest__Output as _dbmazz_PauseSnapshotRequest__Output
} from "../dbmazz/PauseSnapshotRequest.ts"
import type {
  ReloadConfigRequest as _dbmazz_ReloadConfigRequest,
  ReloadConfigRequest__Output as _dbmazz_ReloadConfigRequest__Output
} from "../dbmazz/ReloadConfigRequest.ts"
import type {
  ResumeRequest as _dbmazz_ResumeRequest,
  ResumeRequest__Output as _dbmazz_ResumeRequest__Output
} from "../dbmazz/ResumeRequest.ts"
import type {
  ResumeSnapshotRequest as _dbmazz_ResumeSnapshotRequest,
  ResumeSnapshotRequest__Output as _dbmazz_ResumeSnapshotRequest__Output
} from "../dbmazz/ResumeSnapshotRequest.ts"
import type {
  StartSnapshotRequest as _dbmazz_StartSnapshotRequest,
  StartSnapshotRequest__Output as _dbmazz_StartSnapshotRequest__Output
} from "../dbmazz/StartSnapshotRequest.ts"
import type {
  StopRequest as _dbmazz_StopRequest,
  StopRequest__Output as _dbmazz_StopRequest__Output
} from "../dbmazz/StopRequest.ts"

export interface CdcControlServiceClient extends grpc.Client {
  /**
   * Loads, stores and confirms everything received, then ends the process with exit code 0.
   */
  DrainAndStop(
    argument: _dbmazz_DrainRequest,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  DrainAndStop(
    argument: _dbmazz_DrainRequest,
    metadata: grpc.Metadata,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  DrainAndStop(
    argument: _dbmazz_DrainRequest,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  DrainAndStop(
    argument: _dbmazz_DrainRequest,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  /**
   * Loads, stores and confirms everything received, then ends the process with exit code 0.
   */
  drainAndStop(
    argument: _dbmazz_DrainRequest,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  drainAndStop(
    argument: _dbmazz_DrainRequest,
    metadata: grpc.Metadata,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  drainAndStop(
    argument: _dbmazz_DrainRequest,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  drainAndStop(
    argument: _dbmazz_DrainRequest,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall

  /**
   * Stops loading; the connection, its keepalives and the slot stay as they are, and what was read is kept in bounds.
   */
  Pause(
    argument: _dbmazz_PauseRequest,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  Pause(
    argument: _dbmazz_PauseRequest,
    metadata: grpc.Metadata,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  Pause(
    argument: _dbmazz_PauseRequest,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  Pause(
    argument: _dbmazz_PauseRequest,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  /**
   * Stops loading; the connection, its keepalives and the slot stay as they are, and what was read is kept in bounds.
   */
  pause(
    argument: _dbmazz_PauseRequest,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  pause(
    argument: _dbmazz_PauseRequest,
    metadata: grpc.Metadata,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  pause(
    argument: _dbmazz_PauseRequest,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  pause(
    argument: _dbmazz_PauseRequest,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall

  PauseSnapshot(
    argument: _dbmazz_PauseSnapshotRequest,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  PauseSnapshot(
    argument: _dbmazz_PauseSnapshotRequest,
    metadata: grpc.Metadata,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  PauseSnapshot(
    argument: _dbmazz_PauseSnapshotRequest,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  PauseSnapshot(
    argument: _dbmazz_PauseSnapshotRequest,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  pauseSnapshot(
    argument: _dbmazz_PauseSnapshotRequest,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  pauseSnapshot(
    argument: _dbmazz_PauseSnapshotRequest,
    metadata: grpc.Metadata,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  pauseSnapshot(
    argument: _dbmazz_PauseSnapshotRequest,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  pauseSnapshot(
    argument: _dbmazz_PauseSnapshotRequest,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall

  /**
   * Takes effect from the next batch; lasts until the process ends.
   */
  ReloadConfig(
    argument: _dbmazz_ReloadConfigRequest,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  ReloadConfig(
    argument: _dbmazz_ReloadConfigRequest,
    metadata: grpc.Metadata,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  ReloadConfig(
    argument: _dbmazz_ReloadConfigRequest,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  ReloadConfig(
    argument: _dbmazz_ReloadConfigRequest,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  /**
   * Takes effect from the next batch; lasts until the process ends.
   */
  reloadConfig(
    argument: _dbmazz_ReloadConfigRequest,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  reloadConfig(
    argument: _dbmazz_ReloadConfigRequest,
    metadata: grpc.Metadata,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  reloadConfig(
    argument: _dbmazz_ReloadConfigRequest,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  reloadConfig(
    argument: _dbmazz_ReloadConfigRequest,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall

  /**
   * Goes on after a pause, and tries again after a failure that waits for a person.
   */
  Resume(
    argument: _dbmazz_ResumeRequest,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  Resume(
    argument: _dbmazz_ResumeRequest,
    metadata: grpc.Metadata,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  Resume(
    argument: _dbmazz_ResumeRequest,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  Resume(
    argument: _dbmazz_ResumeRequest,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  /**
   * Goes on after a pause, and tries again after a failure that waits for a person.
   */
  resume(
    argument: _dbmazz_ResumeRequest,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  resume(
    argument: _dbmazz_ResumeRequest,
    metadata: grpc.Metadata,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  resume(
    argument: _dbmazz_ResumeRequest,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  resume(
    argument: _dbmazz_ResumeRequest,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall

  ResumeSnapshot(
    argument: _dbmazz_ResumeSnapshotRequest,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  ResumeSnapshot(
    argument: _dbmazz_ResumeSnapshotRequest,
    metadata: grpc.Metadata,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  ResumeSnapshot(
    argument: _dbmazz_ResumeSnapshotRequest,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  ResumeSnapshot(
    argument: _dbmazz_ResumeSnapshotRequest,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  resumeSnapshot(
    argument: _dbmazz_ResumeSnapshotRequest,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  resumeSnapshot(
    argument: _dbmazz_ResumeSnapshotRequest,
    metadata: grpc.Metadata,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  resumeSnapshot(
    argument: _dbmazz_ResumeSnapshotRequest,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  resumeSnapshot(
    argument: _dbmazz_ResumeSnapshotRequest,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall

  StartSnapshot(
    argument: _dbmazz_StartSnapshotRequest,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  StartSnapshot(
    argument: _dbmazz_StartSnapshotRequest,
    metadata: grpc.Metadata,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  StartSnapshot(
    argument: _dbmazz_StartSnapshotRequest,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  StartSnapshot(
    argument: _dbmazz_StartSnapshotRequest,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  startSnapshot(
    argument: _dbmazz_StartSnapshotRequest,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  startSnapshot(
    argument: _dbmazz_StartSnapshotRequest,
    metadata: grpc.Metadata,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  startSnapshot(
    argument: _dbmazz_StartSnapshotRequest,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  startSnapshot(
    argument: _dbmazz_StartSnapshotRequest,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall

  /**
   * Ends the process at once. What was not acknowledged is read again at the next start, if the slot is kept.
   */
  Stop(
    argument: _dbmazz_StopRequest,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  Stop(
    argument: _dbmazz_StopRequest,
    metadata: grpc.Metadata,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  Stop(
    argument: _dbmazz_StopRequest,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  Stop(
    argument: _dbmazz_StopRequest,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  /**
   * Ends the process at once. What was not acknowledged is read again at the next start, if the slot is kept.
   */
  stop(
    argument: _dbmazz_StopRequest,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  stop(
    argument: _dbmazz_StopRequest,
    metadata: grpc.Metadata,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  stop(
    argument: _dbmazz_StopRequest,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
  stop(
    argument: _dbmazz_StopRequest,
    callback: grpc.requestCallback<_dbmazz_ControlResponse__Output>
  ): grpc.ClientUnaryCall
}

export interface CdcControlServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Loads, stores and confirms everything received, then ends the process with exit code 0.
   */
  DrainAndStop: grpc.handleUnaryCall<_dbmazz_DrainRequest__Output, _dbmazz_ControlResponse>

  /**
   * Stops loading; the connection, its keepalives and the slot stay as they are, and what was read is kept in bounds.
   */
  Pause: grpc.handleUnaryCall<_dbmazz_PauseRequest__Output, _dbmazz_ControlResponse>

  PauseSnapshot: grpc.handleUnaryCall<_dbmazz_PauseSnapshotRequest__Output, _dbmazz_ControlResponse>

  /**
   * Takes effect from the next batch; lasts until the process ends.
   */
  ReloadConfig: grpc.handleUnaryCall<_dbmazz_ReloadConfigRequest__Output, _dbmazz_ControlResponse>

  /**
   * Goes on after a pause, and tries again after a failure that waits for a person.
   */
  Resume: grpc.handleUnaryCall<_dbmazz_ResumeRequest__Output, _dbmazz_ControlResponse>

  ResumeSnapshot: grpc.handleUnaryCall<_dbmazz_ResumeSnapshotRequest__Output, _dbmazz_ControlResponse>

  StartSnapshot: grpc.handleUnaryCall<_dbmazz_StartSnapshotRequest__Output, _dbmazz_ControlResponse>

  /**
   * Ends the process at once. What was not acknowledged is read again at the next start, if the slot is kept.
   */
  Stop: grpc.handleUnaryCall<_dbmazz_StopRequest__Output, _dbmazz_ControlResponse>
}

export interface CdcControlServiceDefinition extends grpc.ServiceDefinition {
  DrainAndStop: MethodDefinition<
    _dbmazz_DrainRequest,
    _dbmazz_ControlResponse,
    _dbmazz_DrainRequest__Output,
    _dbmazz_ControlResponse__Output
  >
  Pause: MethodDefinition<
    _dbmazz_PauseRequest,
    _dbmazz_ControlResponse,
    _dbmazz_PauseRequest__Output,
    _dbmazz_ControlResponse__Output
  >
  PauseSnapshot: MethodDefinition<
    _dbmazz_PauseSnapshotRequest,
    _dbmazz_ControlResponse,
    _dbmazz_PauseSnapshotRequest__Output,
    _dbmazz_ControlResponse__Output
  >
  ReloadConfig: MethodDefinition<
    _dbmazz_ReloadConfigRequest,
    _dbmazz_ControlResponse,
    _dbmazz_ReloadConfigRequest__Output,
    _dbmazz_ControlResponse__Output
  >
  Resume: MethodDefinition<
    _dbmazz_ResumeRequest,
    _dbmazz_ControlResponse,
    _dbmazz_ResumeRequest__Output,
    _dbmazz_ControlResponse__Output
  >
  ResumeSnapshot: MethodDefinition<
    _dbmazz_ResumeSnapshotRequest,
    _dbmazz_ControlResponse,
    _dbmazz_ResumeSnapshotRequest__Output,
    _dbmazz_ControlResponse__Output
  >
  StartSnapshot: MethodDefinition<
    _dbmazz_StartSnapshotRequest,
    _dbmazz_ControlResponse,
    _dbmazz_StartSnapshotRequest__Output,
    _dbmazz_ControlResponse__Output
  >
  Stop: MethodDefinition<
    _dbmazz_StopRequest,
    _dbmazz_ControlResponse,
    _dbmazz_StopRequest__Output,
    _dbmazz_ControlResponse__Output
  >
}
