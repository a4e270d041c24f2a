/** What is used of it here; it brings no types. */
declare module "s3rver" {
  export default class S3rver {
    constructor(options: {
      address: string;
      port: number;
      silent: boolean;
      directory: string;
      configureBuckets: { name: string; configs: unknown[] }[];
    });
    run(): Promise<{ address: string; port: number }>;
    /** Waits for connections to end. */
    close(): Promise<void>;
    readonly httpServer: { closeAllConnections(): void };
  }
}
