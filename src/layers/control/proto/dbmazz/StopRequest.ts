// Original file: proto/dbmazz.proto

export interface StopRequest {
  /**
   * False: the replication slot is dropped, and with it every change that was not read.
   */
  "skip_slot_cleanup"?: boolean
}

export interface StopRequest__Output {
  /**
   * False: the replication slot is dropped, and with it every change that was not read.
   */
  "skip_slot_cleanup": boolean
}
