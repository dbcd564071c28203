-- Prints what a run has counted as one line of JSON.
-- Arguments: pairs of a host and a path, which are asked for in turn.
function init(args)
   local requests = {}
   for i = 1, #args, 2 do
      wrk.headers["Host"] = args[i]
      requests[#requests + 1] = wrk.format("GET", args[i + 1])
   end
   if #requests > 0 then
      local n = 0
      request = function()
         n = n % #requests + 1
         return requests[n]
      end
   end
end

function done(summary, latency, requests)
   local e = summary.errors
   io.write(string.format(
      '\n{"n": %d, "seconds": %.6f, "failed": %d, "p50_us": %d, "p99_us": %d}\n',
      summary.requests, summary.duration / 1e6,
      e.connect + e.read + e.write + e.status + e.timeout,
      latency:percentile(50), latency:percentile(99)))
end
