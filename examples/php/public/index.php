<?php
header('Content-Type: text/plain');
echo "this is PHP\n";
