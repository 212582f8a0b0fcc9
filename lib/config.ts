/**
 * Everything that can be set, in one table: flags, environment variables, keys of the config file
 * and the help are made from it.
 *
 * @module
 */
import { SERVER_OPTIONS, type ServerSettings } from "./config/server_settings.ts";
import { QUEUE_OPTIONS, type QueueSettings } from "./config/queue_settings.ts";
import { DELIVERY_OPTIONS, type DeliverySettings } from "./config/delivery_settings.ts";
import { HOOK_OPTIONS, type HookSettings } from "./config/hook_settings.ts";
import { LIMIT_OPTIONS, type LimitSettings } from "./config/limit_settings.ts";
import { FAULT_OPTIONS, type FaultSettings } from "./config/fault_settings.ts";
import { UI_OPTIONS, type UiSettings } from "./config/ui_settings.ts";
import { LOG_OPTIONS, type LogSettings } from "./config/log_settings.ts";
import type { Options } from "./config/option.ts";

export type { Option, System } from "./config/option.ts";

/** What the server is told. Lengths of time are in milliseconds, sizes in octets. */
export interface Config
  extends
    ServerSettings,
    QueueSettings,
    DeliverySettings,
    LimitSettings,
    HookSettings,
    UiSettings,
    FaultSettings,
    LogSettings {}

/** Every setting by its key, in the order of the help. */
export const OPTIONS: Options<Config> = {
  ...SERVER_OPTIONS,
  ...QUEUE_OPTIONS,
  ...DELIVERY_OPTIONS,
  ...LIMIT_OPTIONS,
  ...HOOK_OPTIONS,
  ...UI_OPTIONS,
  ...FAULT_OPTIONS,
  ...LOG_OPTIONS,
};
